import { hostname } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { stableIdOf } from '../../src/compare/index.ts';
import { stateFolder, usualDurations } from '../../src/history/index.ts';
import { cacheRoot } from '../../src/image/index.ts';
import { makeFolder, readStoredSync, type Shape, UsageError, writeWhole } from '../../src/lib/index.ts';
import { type Results, readResults } from '../../src/run/index.ts';

/** Durations of cells in milliseconds, by stable id, which is the same for each build of QEMU. */
export type Durations = Readonly<Record<string, number>>;

/** Returns how long a cell took before; `undefined` if that is unknown. */
export const durationOf = (durations: Durations, id: string): number | undefined => durations[stableIdOf(id)];

/** One part of a plan. */
export interface Shard {
	/** From 1. */
	readonly index: number;
	readonly count: number;
	/** Earlier durations, to balance the parts; without them the parts have equal numbers of cells. */
	readonly durations?: Durations;
	/** The division of a plan file: the selection's `cells` are those of the part. */
	readonly division?: string;
}

/**
 * Assigns each cell to a part, from 1: longest first, each to the part with the least work. New cells count as the
 * median. Depends on the arguments only, so that every part computes the same division on any machine if it has the
 * same durations. Pure.
 */
export function divide(
	cells: readonly { readonly id: string; readonly skip: string | null }[],
	{ count, durations = {} }: Pick<Shard, 'count' | 'durations'>,
): number[] {
	const known = cells.flatMap(({ id }) => durationOf(durations, id) ?? []).sort((a, b) => a - b);
	if (known.length === 0) return cells.map((_, index) => (index % count) + 1);
	const middle = known[Math.floor(known.length / 2)]!;
	const weights = cells.map(({ id, skip }) => (skip === null ? (durationOf(durations, id) ?? middle) : 1));
	const order = cells.map((_, index) => index).sort((a, b) => weights[b]! - weights[a]! || a - b);
	const loads = Array.from({ length: count }, () => 0);
	const parts: number[] = [];
	for (const index of order) {
		const least = loads.indexOf(Math.min(...loads));
		loads[least]! += weights[index]!;
		parts[index] = least + 1;
	}
	return parts;
}

const durationsShape: Shape<Durations> = v.record(v.string(), v.pipe(v.number(), v.minValue(0)));

const fileOf = (env: Readonly<Record<string, string | undefined>>) => path.join(cacheRoot(env), 'durations.json');

/**
 * Reads the durations of earlier runs on this machine: those of the history, and for cells that it lacks, such as those
 * of `vpmu series`, the last ones. Empty if there are none or they cannot be read; the parts are then equal in number.
 */
export function storedDurations(env: Readonly<Record<string, string | undefined>>): Durations {
	try {
		const found = readStoredSync(fileOf(env), durationsShape);
		const last = Object.entries(found.state === 'ok' ? found.value : {});
		return {
			...Object.fromEntries(last.map(([id, duration]) => [stableIdOf(id), duration])),
			...usualDurations(stateFolder(env), hostname()),
		};
	} catch {
		return {};
	}
}

/** Reads the durations from a run, for parts on machines that do not share a cache. @throws UsageError */
export function durationsOfRun(folder: string): Durations {
	const durations = durationsOf(readResults(folder));
	if (Object.keys(durations).length === 0) {
		throw new UsageError(`the run '${folder}' of option '--durations' has no cell that finished`);
	}
	return durations;
}

/** Adds a run's durations to the stored ones. A failure to store them is ignored. */
export async function storeDurations(
	env: Readonly<Record<string, string | undefined>>,
	results: Results,
): Promise<void> {
	const file = fileOf(env);
	const all = { ...storedDurations(env), ...durationsOf(results) };
	try {
		await makeFolder(path.dirname(file));
		await writeWhole(file, `${JSON.stringify(all, null, ' ')}\n`);
	} catch {
		// The durations only improve the division of the next run.
	}
}

function durationsOf({ cells }: Results): Durations {
	const ended = cells.filter(({ status }) => status === 'pass' || status === 'fail' || status === 'xfail');
	return Object.fromEntries(
		ended.flatMap(({ id, timings }) => (timings.totalMs ? [[stableIdOf(id), timings.totalMs]] : [])),
	);
}
