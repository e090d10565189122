/** Unit tests by default; VPMU_TEST=real adds real guests, VPMU_TEST=full everything. Cases are named on the command line. */
const rooms = ['src', 'harness', 'images', 'test'];
const suites = {
	unit: { endings: 'test', timeout: '30s' },
	real: { endings: 'real', timeout: '10m' },
	full: { endings: '{real,full}', timeout: '30m' },
	// Cells have deadlines of their own, and may wait long for a slot.
	cases: { timeout: '4h' },
};
const chosen = process.argv.slice(2).some(argument => argument.includes('cases/'));
const suite = chosen ? 'cases' : (process.env.VPMU_TEST ?? 'unit');
const { endings, timeout } = suites[suite];

export default {
	files: suite === 'cases' ? ['cases/**/*.ts'] : rooms.map(room => `${room}/**/*.${endings}.ts`),
	extensions: ['ts'],
	workerThreads: false,
	concurrency: suite === 'real' || suite === 'full' ? 1 : 2,
	timeout,
	nodeArguments: ['--disable-warning=ExperimentalWarning'],
};
