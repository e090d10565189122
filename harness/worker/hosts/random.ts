import type { MachineType } from '../../../src/qemu/index.ts';
import type { LeasedQemu } from '../../protocol/lease.ts';
import { type DifferentialCase, type MachineChoice, randomCase, randomFrom } from './generate.ts';

/**
 * Returns host number `index` of a seed, which is number 0 of the seed `seed + index`. `realType` as in {@link
 * randomCase}.
 */
export function randomHost(seed: number, index: number, leased: LeasedQemu, realType: number): DifferentialCase {
	return randomCase(randomFrom(seed + index), {
		realType,
		version: leased.qemu.version,
		machines: tellingMachines(leased.inspection.machines),
	});
}

/** Returns the newest machine type (by its alias) and those on both sides of the border set by the compat property. */
export function tellingMachines(machines: readonly MachineType[]): readonly MachineChoice[] {
	const versioned = machines.filter(({ name }) => name.startsWith('virt-'));
	const newest = machines.find(({ alias }) => alias === 'virt');
	const old = versioned.filter(({ backcompatPmu }) => backcompatPmu === true);
	const border = versioned.find(({ backcompatPmu }) => backcompatPmu === false);
	const chosen = [newest === undefined ? undefined : { ...newest, name: 'virt' }, old[0], old.at(-1), border];
	return [...new Map(chosen.filter(one => one !== undefined).map(one => [one.name, one])).values()].map(
		({ name, backcompatPmu }) => ({ name, backcompatPmu: backcompatPmu ?? undefined }),
	);
}
