import type { Candidates } from './command.ts';

/** What options and arguments can be, for completion. Each looks only when it is asked. */

const selecting = () => import('../plan/select.ts');

export const topologies: Candidates = async () => (await selecting()).topologyNames();

export const places: Candidates = async () => [
	...['auto', 'local', 'board', 'ssh://'],
	...(await topologies()).map(name => `board:${name}`),
];

/** Packages of Debian; a path is completed by the shell itself. */
export const sources: Candidates = async () => (await selecting()).debianSuites.map(suite => `debian:${suite}`);

/** Kernels: of Debian, or the small one of ours. */
export const kernels: Candidates = async () => ['small', ...(await sources())];

/** Names of case files; none of them is imported. */
export const cases: Candidates = async () => {
	const { caseFiles, caseFolders } = await import('../plan/case-files.ts');
	return [...caseFiles(caseFolders({ cwd: process.cwd(), env: process.env })).keys()];
};

export const images: Candidates = () => ['guest', 'board'];
