import { parseCpuListAsPatch } from '../cpu-list.ts';
import type { HostFacts } from '../facts.ts';
import type { FindingId } from '../findings.ts';
import { firstLine, largestType, readType } from './sources.ts';

/** One end that the posted code can come to. `ends` means that QEMU aborts. */
export interface PostedOutcome {
	readonly backend: 'event-source' | 'default' | 'fixed-counters-only' | 'none' | 'ends';
	readonly type?: number;
	/** The finding that led here, where one did. */
	readonly finding?: FindingId;
}

export interface PostedInputs {
	readonly facts: HostFacts;
	/** The user's `pmu`, modulo 2^64; undefined when not given. */
	readonly pmu: bigint | undefined;
	readonly backcompat: boolean;
	readonly pmuV3: boolean;
	readonly scratchVcpu: boolean;
	readonly setPmu: boolean;
	readonly attribute5: boolean;
}

/**
 * What the code of the patch as posted does, step by step, crashes included: what `predictBackend` compares with what
 * the patch's description says. Several outcomes where the order of a folder decides.
 */
export function postedOutcomes(inputs: PostedInputs): readonly PostedOutcome[] {
	const { facts, pmu } = inputs;
	if (pmu !== undefined && pmu <= largestType) return [{ backend: 'event-source', type: Number(pmu) }];
	const finding: { finding?: FindingId } = pmu !== undefined && pmu !== 2n ** 64n - 1n ? { finding: 'F2' } : {};
	if (!inputs.pmuV3) return [{ backend: 'none', ...finding }];
	if (inputs.backcompat) return [{ backend: 'default', ...finding }];
	return searched(inputs, facts).map(outcome => ({ ...finding, ...outcome }));
}

function searched(inputs: PostedInputs, facts: HostFacts): readonly PostedOutcome[] {
	const noSysfs: PostedOutcome = inputs.attribute5 ? { backend: 'none', finding: 'F4' } : { backend: 'none' };
	const line = firstLine(facts.cpus.possible);
	if (line === undefined) return [noSysfs];
	const possible = parseCpuListAsPatch(line);
	if ('refused' in possible) return [noSysfs];
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
	for (const entry of facts.eventSources) {
		const type = readType(entry.type);
		if (inputs.setPmu && type === undefined) continue;
		const cpusLine = firstLine(entry.cpus);
		if (cpusLine === undefined) continue;
		const cpus = parseCpuListAsPatch(cpusLine);
		if ('refused' in cpus) continue;
		if ('fatal' in cpus) {
			ends.push({ backend: 'ends', finding: 'F6' });
			continue;
		}
		if (words(cpus.cpus.ranges.at(-1)?.[1] ?? 0) > words(lastPossible)) overRead = true;
		if (!cpus.cpus.covers(possible.cpus)) continue;
		covers = true;
		if (!inputs.setPmu) continue;
		if ('error' in entry.link) ends.push({ backend: 'ends', finding: 'F1' });
		else {
			const cut = type! > largestType ? { finding: 'F7' as const } : {};
			covering.push({ type: Number(BigInt.asUintN(32, type!)), link: entry.link.text, ...cut });
		}
	}

	const otherwise: PostedOutcome = { backend: inputs.attribute5 ? 'fixed-counters-only' : 'none' };
	if (inputs.setPmu) {
		if (ends.length > 0) return ends.slice(0, 1);
		const first = covering.map(source => source.link).sort(byBytes)[0];
		const least = covering.find(source => source.link === first);
		if (least === undefined) return [otherwise];
		const { type, finding } = least;
		return [{ backend: 'event-source', type, ...(finding === undefined ? {} : { finding }) }];
	}
	// The first that covers ends the search, so whether one that ends QEMU is met before it is up to the folder's order.
	if (ends.length > 0) return covers ? [{ backend: 'default' }, ends[0]!] : ends.slice(0, 1);
	// What stands behind the bitmap is compared too: CPUs seem to be missing or not, as the heap happens to be.
	if (overRead && covers)
		return [
			{ backend: 'default', finding: 'F5' },
			{ ...otherwise, finding: 'F5' },
		];
	return [covers ? { backend: 'default' } : otherwise];
}

/** Order of strcmp(): by bytes. */
export function byBytes(a: string, b: string): number {
	return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
