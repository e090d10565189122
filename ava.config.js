import path from 'node:path';

/** Unit tests by default; VPMU_TEST=real adds real guests, VPMU_TEST=full everything. Cases are named on the command line. */
const everywhere = ending => ['src', 'harness', 'images', 'test'].map(room => `${room}/**/*.${ending}.ts`);
const suites = {
	// AVA's timeout is for a suite that hangs; how long a test takes says nothing on a busy machine.
	unit: { files: everywhere('test'), timeout: '10m' },
	// The whole of vpmu on real guests; the rooms' own tests on real parts take longer and are in the full suite.
	real: { files: ['test/*.real.ts', 'test/labs/*.real.ts'], timeout: '10m' },
	full: { files: everywhere('{real,full}'), timeout: '30m' },
	// Cells have deadlines of their own, and may wait long for a slot.
	cases: { files: ['cases/**/*.ts', 'test/faults/testing/**/*.ts'], timeout: '4h' },
};
const chosen = process.argv.slice(2).some(argument => argument.includes('cases/'));
const suite = chosen ? 'cases' : (process.env.VPMU_TEST ?? 'unit');
const { files, timeout } = suites[suite];

export default {
	files,
	// By import: a case file awaits the run that it belongs to, which require() refuses.
	extensions: { ts: 'module', js: true },
	workerThreads: false,
	// Tests run vpmu, and what they run is not the user's history.
	...(suite === 'cases'
		? {}
		: { environmentVariables: { VPMU_STATE: path.join(import.meta.dirname, 'node_modules/.cache/vpmu-state') } }),
	// Under GitLab's `parallel:` and its like, AVA would drop test files by variables such as CI_NODE_INDEX.
	utilizeParallelBuilds: false,
	concurrency: suite === 'real' || suite === 'full' ? 1 : 2,
	timeout,
	// Workers of cases run for long; harness/launch.mjs says why the young generation is limited.
	nodeArguments: ['--disable-warning=ExperimentalWarning', ...(suite === 'cases' ? ['--max-semi-space-size=1'] : [])],
};
