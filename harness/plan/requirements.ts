import { type FindingId, findings } from '../../src/pmu/index.ts';
import type { Needs } from './matrix.ts';

/** What is known of a host and a QEMU; `undefined` if not known yet. */
export interface Circumstances {
	readonly host: string;
	readonly qemu: string;
	readonly hasPmuChoice: boolean | undefined;
	/** Names of the PMUs of the host's CPUs. */
	readonly pmus: readonly string[] | undefined;
	/** Whether overflow interrupts of the host's PMUs arrive. */
	readonly overflow: boolean | undefined;
	/** The folder of the kernel's own tests; `null` if there is none. */
	readonly selftests: string | null;
}

/** Returns why these requirements are not met, naming what was found; `undefined` if no obstacle is known. */
export function lacking(
	needs: Needs,
	{ host, qemu, hasPmuChoice, pmus, overflow, selftests }: Circumstances,
): string | undefined {
	if (needs.choice === true && hasPmuChoice === false) {
		return `needs a QEMU with the PMU choice; ${qemu} does not know the trace event kvm_arm_set_pmu`;
	}
	if (needs.pmus !== undefined && pmus !== undefined && pmus.length < needs.pmus) {
		return `needs ${needs.pmus === 1 ? 'a CPU PMU' : `${needs.pmus} CPU PMUs`}; ${host} has ${pmus.join(', ') || 'none'}`;
	}
	if (needs.overflow === true && overflow === false) {
		return `needs overflow interrupts, which ${host} does not deliver`;
	}
	if (needs.selftests === true && selftests === null) {
		return `needs the kernel's own tests, and none were found: 'vpmu kernel build --selftests' puts them next to a board's kernel, '--selftests DIR' names another folder`;
	}
	return undefined;
}

/**
 * Explains demands that are unmet because of known findings alone, for `expectFailure`; `undefined` if there is another one.
 * @param only the findings that are expected; default: all
 */
export function findingsAlone(
	unmet: readonly string[],
	only = Object.keys(findings) as readonly FindingId[],
): string | undefined {
	const isExpected = (demand: string) => only.some(id => demand.startsWith(`finding ${id} `));
	return unmet.length > 0 && unmet.every(isExpected) ? unmet.join('; ') : undefined;
}

/** Describes a finding of docs/findings.md for a result's reason. */
export function finding(id: FindingId): string {
	return `finding ${id}: ${findings[id]}`;
}
