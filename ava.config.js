/** Unit tests by default; VPMU_TEST=real adds real guests, VPMU_TEST=full everything. Cases are named on the command line. */
const everywhere = ending => ['src', 'harness', 'images', 'test'].map(room => `${room}/**/*.${ending}.ts`);
const suites = {
	unit: { files: everywhere('test'), timeout: '30s' },
	// The whole of vpmu on real guests; the rooms' own tests on real parts take longer and are in the full suite.
	real: { files: ['test/*.real.ts'], timeout: '10m' },
	full: { files: everywhere('{real,full}'), timeout: '30m' },
	// Cells have deadlines of their own, and may wait long for a slot.
	cases: { timeout: process.env.VPMU_KEEP === undefined ? '4h' : '20d' },
};
const chosen = process.argv.slice(2).some(argument => argument.includes('cases/'));
const suite = chosen ? 'cases' : (process.env.VPMU_TEST ?? 'unit');
const { files, timeout } = suites[suite];

/** A run begins its case files in an order of its own. */
const order = JSON.parse(process.env.VPMU_CASE_FILES ?? '[]');

export default {
	files:
		suite === 'cases' ? ['cases/**/*.ts', 'dist/cases/**/*.js', `${process.env.VPMU_CASES ?? 'cases'}/**/*.ts`] : files,
	...(order.length === 0 ? {} : { sortTestFiles: (a, b) => order.indexOf(a) - order.indexOf(b) }),
	extensions: ['ts', 'js'],
	workerThreads: false,
	concurrency: suite === 'real' || suite === 'full' ? 1 : 2,
	timeout,
	// Workers of cases run for long; see harness/bin.mjs for what a limit on young memory is worth.
	nodeArguments: ['--disable-warning=ExperimentalWarning', ...(suite === 'cases' ? ['--max-semi-space-size=1'] : [])],
};
