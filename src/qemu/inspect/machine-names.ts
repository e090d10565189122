import { machineVersion } from '../../lib/machine-type.ts';

/** Sorts by version number: virt-9.2 comes before virt-10.0. */
export const { compare: compareNames } = new Intl.Collator('en', { numeric: true });

/** Returns the family of a versioned machine type, whose behaviour QEMU keeps stable. Undefined for an unversioned one. */
export function familyOf(name: string): string | undefined {
	return machineVersion(name)?.family;
}

/** Longer lists are not shortened. Real QEMUs have less than a tenth of this. */
const mostNames = 5000;

/**
 * Lists machine types in short form: `virt-2.6 to virt-9.2 (27)` if `all` has no other version of the family in between,
 * otherwise one by one.
 */
export function listMachines(names: readonly string[], all: readonly string[]): string {
	if (names.length > mostNames || all.length > mostNames) return `${names.length} machine types`;
	const wanted = new Set(names);
	const parts: string[] = [];
	let run: string[] = [];
	const end = () => {
		if (run.length > 3) parts.push(`${run[0]} to ${run.at(-1)} (${run.length})`);
		else parts.push(...run);
		run = [];
	};
	for (const name of [...new Set([...all, ...names])].sort(compareNames)) {
		const family = familyOf(name);
		if (!wanted.has(name)) {
			// A machine type of another family that sorts in between does not split the range.
			if (run.length > 0 && family === familyOf(run[0]!)) end();
			continue;
		}
		if (run.length > 0 && (family === undefined || family !== familyOf(run[0]!))) end();
		run.push(name);
	}
	end();
	return parts.join(', ');
}
