/** Unit tests by default; VPMU_TEST=real adds real guests, VPMU_TEST=full everything. Cases are named on the command line. */
const suites = {
	unit: ['src/**/*.test.ts', 'harness/**/*.test.ts', 'images/**/*.test.ts', 'test/**/*.test.ts'],
	real: ['src/**/*.real.ts', 'harness/**/*.real.ts', 'images/**/*.real.ts', 'test/**/*.real.ts'],
	full: [
		'src/**/*.{real,full}.ts',
		'harness/**/*.{real,full}.ts',
		'images/**/*.{real,full}.ts',
		'test/**/*.{real,full}.ts',
	],
};
const suite = process.env.VPMU_TEST ?? 'unit';

export default {
	// Cases can be named on the command line (npx ava cases/pmu/NAME.ts); a bare run takes the suite.
	files: process.argv.slice(2).some(argument => argument.includes('cases/')) ? ['cases/**/*.ts'] : suites[suite],
	extensions: ['ts'],
	workerThreads: false,
	concurrency: suite === 'unit' ? 2 : 1,
	timeout: suite === 'unit' ? '30s' : '600s',
	nodeArguments: ['--disable-warning=ExperimentalWarning'],
};
