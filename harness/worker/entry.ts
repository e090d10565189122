import { pathToFileURL } from 'node:url';
import { registerCaseLoader } from '../plan/loader.ts';
import { type CaseIdentity, identityKey } from './identity.ts';

/** A case as the run hands it to a worker. */
export interface GivenCase extends CaseIdentity {
	/** The file. */
	readonly path: string;
	/** The folder in which the run was started. */
	readonly cwd: string;
}

/** Imports a case into this AVA worker, so that it declares its cells here. */
export async function runCase({ name, folder, path, cwd }: GivenCase): Promise<void> {
	(globalThis as { [identityKey]?: CaseIdentity })[identityKey] = { name, folder };
	// AVA starts its workers in a project folder made for the run.
	process.chdir(cwd);
	if (folder !== null) registerCaseLoader();
	await import(pathToFileURL(path).href);
}
