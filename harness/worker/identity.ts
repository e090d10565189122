import { caseOfFile } from '../plan/case-files.ts';

/** Identifies the case of a worker. */
export interface CaseIdentity {
	/** Such as `pmu/default-counts`. */
	readonly name: string;
	/** The folder of the user's own cases that it is in; `null` for a case that vpmu ships. */
	readonly folder: string | null;
}

/** Where a run leaves the identity for the case that it imports. */
export const identityKey = Symbol.for('vpmu.case');

/** Returns the case of this worker. If AVA was started without a run, the file tells. */
export function caseIdentity(file: string): CaseIdentity {
	return (globalThis as { [identityKey]?: CaseIdentity })[identityKey] ?? caseOfFile(file);
}
