import { machineVersion } from '../../lib/machine-type.ts';

/** Versions in order of their numbers: virt-9.2 stands before virt-10.0. */
export const { compare: compareNames } = new Intl.Collator('en', { numeric: true });

/** The family of a versioned machine type: those that promise to stay as they are. Undefined for one without a version. */
export function familyOf(name: string): string | undefined {
	return machineVersion(name)?.family;
}

/** No QEMU has a tenth as many machine types; what has more is not listed. */
const mostNames = 5000;

/**
 * Names of machine types in a few words: `virt-2.6 to virt-9.2 (27)` where a family has no other version in between among
 * `all`, else one by one.
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
			// Another family's machine type that sorts between two of one does not part them.
			if (run.length > 0 && family === familyOf(run[0]!)) end();
			continue;
		}
		if (run.length > 0 && (family === undefined || family !== familyOf(run[0]!))) end();
		run.push(name);
	}
	end();
	return parts.join(', ');
}
