/**
 * Variables that AVA and its workers run without, each with the reason: CI engines and shells set them for other programs,
 * and each would change which cells run, or how they end.
 */
export const removedVariables: Readonly<Record<string, string>> = {
	NODE_OPTIONS:
		'for the Node of vpmu itself: --inspect-brk stops each worker, and a relative --import names another file',
	NODE_PRESERVE_SYMLINKS: 'loads a package twice that is linked, and a worker must have one AVA',
	NODE_REDIRECT_WARNINGS: 'a relative path names a file in the project that is made for AVA',
	NODE_TEST_CONTEXT: 'makes Node report to a test runner of its own',
	TEST_AVA: "for AVA's own tests: changes how AVA ends",
	AVA_FAKE_SCM_ROOT: "for AVA's own tests: changes where AVA looks for its settings",
	TF_BUILD: 'colours text that is no terminal (Azure Pipelines)',
	AGENT_NAME: 'colours text that is no terminal (Azure Pipelines)',
};

/** Variables that AVA and its workers run with, whatever they were. */
export const setVariables: Readonly<Record<string, string>> = {
	// In CI, AVA takes its part of the case files by variables such as CI_NODE_INDEX, and drops the others.
	AVA_FORCE_CI: 'not-ci',
	// The log is read by `complaints` and by people.
	...{ NO_COLOR: '1', FORCE_COLOR: '0' },
};

/** A command that runs another one without the {@link removedVariables}. */
export const withoutVariables: readonly string[] = [
	'env',
	...Object.keys(removedVariables).flatMap(name => ['-u', name]),
];
