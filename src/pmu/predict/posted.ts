import type { FindingId } from '../findings.ts';
import type { HostModel } from '../model/host-model.ts';
import { largestType } from '../model/sources.ts';

/** One possible outcome of the posted code. `ends` means that QEMU aborts. */
export interface PostedOutcome {
	readonly backend: 'event-source' | 'default' | 'fixed-counters-only' | 'none' | 'ends';
	readonly type?: number;
	/** The finding that caused this outcome, if any. */
	readonly finding?: FindingId;
}

export interface PostedInputs {
	readonly host: HostModel;
	/** The user's `pmu`, modulo 2^64; 2^64 - 1 if not given. */
	readonly pmu: bigint;
	readonly backcompat: boolean;
	readonly pmuV3: boolean;
	readonly scratchVcpu: boolean;
	readonly setPmu: boolean;
	readonly attribute5: boolean;
}

/**
 * Follows the code of the posted patch step by step, including crashes. `predictBackend` compares it with
 * the patch's description. Returns several outcomes if the directory order decides.
 */
export function postedOutcomes(inputs: PostedInputs): readonly PostedOutcome[] {
	const { pmu } = inputs;
	if (pmu <= largestType) return [{ backend: 'event-source', type: Number(pmu) }];
	if (!inputs.pmuV3) return [{ backend: 'none' }];
	if (inputs.backcompat) return [{ backend: 'default' }];
	return searched(inputs, inputs.host);
}

function searched(inputs: PostedInputs, { facts, possible, sources }: HostModel): readonly PostedOutcome[] {
	const noSysfs: PostedOutcome = inputs.attribute5 ? { backend: 'none', finding: 'F4' } : { backend: 'none' };
	if (possible === undefined || 'refused' in possible) return [noSysfs];
	if ('fatal' in possible) return [{ backend: 'ends', finding: 'F6' }];
	if (possible.cpus.size === 0) return [{ backend: 'ends', finding: 'F13' }];
	if (!inputs.scratchVcpu) return [{ backend: 'none' }];
	if ('error' in facts.eventSources) return [noSysfs];

	const ends: PostedOutcome[] = [];
	let overRead = false;
	const covering: { type: number; link: string; finding?: FindingId }[] = [];
	let covers = false;
	const words = (last: number) => Math.floor(last / 64);
	const lastPossible = possible.cpus.ranges.at(-1)![1];
	for (const { rawType: type, rawCpus: cpus, link } of sources) {
		if (inputs.setPmu && type === undefined) continue;
		if (cpus === undefined || 'refused' in cpus) continue;
		if ('fatal' in cpus) {
			ends.push({ backend: 'ends', finding: 'F6' });
			continue;
		}
		if (words(cpus.cpus.ranges.at(-1)?.[1] ?? 0) > words(lastPossible)) overRead = true;
		if (!cpus.cpus.covers(possible.cpus)) continue;
		covers = true;
		if (!inputs.setPmu) continue;
		if (link === undefined) ends.push({ backend: 'ends', finding: 'F1' });
		else {
			const cut = type! > largestType ? { finding: 'F7' as const } : {};
			covering.push({ type: Number(BigInt.asUintN(32, type!)), link, ...cut });
		}
	}

	const otherwise: PostedOutcome = { backend: inputs.attribute5 ? 'fixed-counters-only' : 'none' };
	if (inputs.setPmu) {
		if (ends.length > 0) return ends.slice(0, 1);
		const first = covering.map(source => source.link).sort(byBytes)[0];
		const least = covering.find(source => source.link === first);
		if (least === undefined) return [otherwise];
		const { link: _, ...taken } = least;
		return [{ backend: 'event-source', ...taken }];
	}
	// The first covering source ends the search, so the directory order decides whether one that ends QEMU is reached first.
	if (ends.length > 0) return covers ? [{ backend: 'default' }, ends[0]!] : ends.slice(0, 1);
	// The comparison also reads memory beyond the bitmap, so CPUs may seem to be missing, depending on the heap's content.
	if (overRead && covers)
		return [
			{ backend: 'default', finding: 'F5' },
			{ ...otherwise, finding: 'F5' },
		];
	return [covers ? { backend: 'default' } : otherwise];
}

/** Compares by bytes, like strcmp(). */
export function byBytes(a: string, b: string): number {
	return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
