import { type FindingId, findings } from '../../src/pmu/index.ts';
import type { Needs } from './matrix.ts';

/** What is known of a place and a QEMU; `undefined` for what is not known yet. */
export interface Circumstances {
	readonly host: string;
	readonly qemu: string;
	readonly hasPmuChoice: boolean | undefined;
	/** Names of the PMUs of the host's CPUs. */
	readonly pmus: readonly string[] | undefined;
	/** Whether overflow interrupts of the host's PMUs arrive. */
	readonly overflow: boolean | undefined;
}

/** Why a case that needs this means nothing there, naming what was found; `undefined` where nothing is known against it. */
export function lacking(needs: Needs, { host, qemu, hasPmuChoice, pmus, overflow }: Circumstances): string | undefined {
	if (needs.choice === true && hasPmuChoice === false) {
		return `needs a QEMU with the PMU choice; ${qemu} does not know the trace event kvm_arm_set_pmu`;
	}
	if (needs.pmus !== undefined && pmus !== undefined && pmus.length < needs.pmus) {
		return `needs ${needs.pmus === 1 ? 'a PMU' : `${needs.pmus} PMUs`} of CPUs; ${host} has ${pmus.join(', ') || 'none'}`;
	}
	if (needs.overflow === true && overflow === false) {
		return `needs overflow interrupts; those of ${host} are wired to lines that nothing raises`;
	}
	return undefined;
}

/** A finding of docs/findings.md in the words that a result's reason has. */
export function finding(id: FindingId): string {
	return `finding ${id}: ${findings[id]}`;
}
