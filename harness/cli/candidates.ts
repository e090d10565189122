import type { Candidates } from './command.ts';

/** Values of options and arguments, for completion. Each is computed only on request. */

const selecting = () => import('../plan/select.ts');

export const topologies: Candidates = async () => (await selecting()).topologyNames();

export const places: Candidates = async () => [
	...['auto', 'local', 'board', 'ssh://'],
	...(await topologies()).map(name => `board:${name}`),
];

/** Debian suites; the shell itself completes paths. */
export const sources: Candidates = async () => (await selecting()).debianSuites.map(suite => `debian:${suite}`);

/** Kernels: Debian's, and those built here. */
export const kernels: Candidates = async () => [...(await selecting()).builtKernels, ...(await sources())];

/** Names of case files; none of them is imported. */
export const cases: Candidates = async () => {
	const { caseFiles, caseFolders } = await import('../plan/case-files.ts');
	return [...caseFiles(caseFolders({ cwd: process.cwd(), env: process.env })).keys()];
};

export const images: Candidates = () => ['guest', 'board'];
