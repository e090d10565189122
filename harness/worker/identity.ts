import { caseOfFile } from '../plan/case-files.ts';

/** Which case a worker has. */
export interface CaseIdentity {
	/** Such as `pmu/default-counts`. */
	readonly name: string;
	/** The folder of the user's own cases that it is in; `null` for a case that vpmu ships. */
	readonly folder: string | null;
}

/** Where a run leaves the identity for the case that it has imported. */
export const identityKey = Symbol.for('vpmu.case');

/** The case of this worker. Run by AVA alone, its file tells. */
export function caseIdentity(file: string): CaseIdentity {
	return (globalThis as { [identityKey]?: CaseIdentity })[identityKey] ?? caseOfFile(file);
}
