import { machineVersion } from '../../lib/machine-type.ts';
import type { PmuSettings } from '../facts.ts';

/** `-accel kvm,pmu=` as parsed by QEMU. */
export type PmuOption =
	| { readonly given: 'no' }
	/** Not a 64-bit integer: QEMU refuses the option. */
	| { readonly given: 'malformed'; readonly text: string }
	/** A number that is not a valid event source type. `value` is QEMU's result, modulo 2^64. */
	| { readonly given: 'out-of-range'; readonly text: string; readonly value: bigint }
	| { readonly given: 'type'; readonly text: string; readonly type: number };

/** The value that means "not given". */
export const unset = 2n ** 64n - 1n;

/** Parses `-accel kvm,pmu=` as QEMU's integer parser does: base 0, a minus sign wraps. */
export function readPmuOption(text: string | undefined): PmuOption {
	if (text === undefined) return { given: 'no' };
	const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
	if (match === null) return { given: 'malformed', text };
	const digits = match[2]!;
	const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
	if (magnitude > unset) return { given: 'malformed', text };
	if (match[1] === '-' && magnitude !== 0n) {
		// -1 wraps to the value that means "not given"; it must be refused anyway.
		return { given: 'out-of-range', text, value: BigInt.asUintN(64, -magnitude) };
	}
	if (magnitude === unset) return { given: 'no' };
	if (magnitude >= 2n ** 32n) return { given: 'out-of-range', text, value: magnitude };
	return { given: 'type', text, type: Number(magnitude) };
}

/**
 * Returns QEMU's message if a vCPU with this choice cannot be made. For host and max, the scratch vCPU fails first. They then
 * lack the property pmu, and if it was given, that error comes first. Other models fail when their own vCPU is made.
 */
export function refusalText(settings: PmuSettings): string {
	if (!isHostModel(settings)) return 'kvm_arch_init_vcpu failed';
	return settings.cpuPmu === undefined ? 'Failed to retrieve host CPU features' : noPropertyText(settings);
}

/** Returns QEMU's message for `-cpu ...,pmu=` on a CPU without that property. */
export function noPropertyText(settings: PmuSettings): string {
	return `Property '${settings.cpu ?? 'host'}-arm-cpu.pmu' not found`;
}

/** Whether a model queries a scratch vCPU for its features (`host` and `max`) before any vCPU of the guest is made. */
export function isHostModel(settings: PmuSettings): boolean {
	return settings.cpu === undefined || settings.cpu === 'host' || settings.cpu === 'max';
}

/**
 * Whether the guest gets no PMU, whatever backs it: by `pmu=off` on the CPU, or by machine type `virt-2.6`, which turns the
 * property off after the command line is read (`no_pmu`, hw/arm/virt.c).
 */
export function isPmuOff({ cpuPmu, machine }: Pick<PmuSettings, 'cpuPmu' | 'machine'>): boolean {
	if (cpuPmu === false) return true;
	const { family, upstream } = machineVersion(machine) ?? {};
	return family === 'virt' && upstream !== undefined && (upstream[0] < 2 || (upstream[0] === 2 && upstream[1] <= 6));
}
