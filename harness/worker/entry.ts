import { pathToFileURL } from 'node:url';
import { registerCaseLoader } from '../plan/loader.ts';
import { type CaseIdentity, identityKey } from './identity.ts';

/** A case as the run hands it to a worker. */
export interface GivenCase extends CaseIdentity {
	/** The file. */
	readonly path: string;
	/** The folder that the run was started in. */
	readonly cwd: string;
}

/** Imports a case into this worker of AVA's, so that it declares its cells here. */
export async function runCase({ name, folder, path, cwd }: GivenCase): Promise<void> {
	(globalThis as { [identityKey]?: CaseIdentity })[identityKey] = { name, folder };
	// AVA begins its workers in a project made for the run.
	process.chdir(cwd);
	if (folder !== null) registerCaseLoader();
	await import(pathToFileURL(path).href);
}
