import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { cacheRoot } from '../../src/image/index.ts';
import { readStoredSync, type Shape, UsageError, writeWhole } from '../../src/lib/index.ts';
import { type Results, readResults } from '../../src/run/index.ts';

/** Milliseconds that cells took, by id. */
export type Durations = Readonly<Record<string, number>>;

/** One part of a plan. */
export interface Shard {
	/** From 1. */
	readonly index: number;
	readonly count: number;
	/** How long cells took before, for parts of the same length; without it the parts have as many cells each. */
	readonly durations?: Durations;
	/** The division of a plan file: the selection's `cells` are those of the part. */
	readonly division?: string;
}

/**
 * The part of each cell, from 1: the longest first, each to the part that has least to do. Cells that were never seen
 * count as the middle of those that were. Depends on nothing but what is given, so that every part of a run, on whatever
 * machine, comes to the same division if it knows the same durations. Pure.
 */
export function divide(
	cells: readonly { readonly id: string; readonly skip: string | null }[],
	{ count, durations = {} }: Pick<Shard, 'count' | 'durations'>,
): number[] {
	const known = cells.flatMap(({ id }) => durations[id] ?? []).sort((a, b) => a - b);
	if (known.length === 0) return cells.map((_, index) => (index % count) + 1);
	const middle = known[Math.floor(known.length / 2)]!;
	const weights = cells.map(({ id, skip }) => (skip === null ? (durations[id] ?? middle) : 1));
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

/** What the runs of this machine took. Empty when there was none, or it cannot be read: then parts are even. */
export function storedDurations(env: Readonly<Record<string, string | undefined>>): Durations {
	try {
		const found = readStoredSync(fileOf(env), durationsShape);
		return found.state === 'ok' ? found.value : {};
	} catch {
		return {};
	}
}

/** The durations of a run, for parts on machines that have not the same cache. @throws UsageError */
export function durationsOfRun(folder: string): Durations {
	const durations = durationsOf(readResults(folder));
	if (Object.keys(durations).length === 0) {
		throw new UsageError(`the run '${folder}' of option '--durations' has no cell that came to its end`);
	}
	return durations;
}

/** Adds what a run took to what is stored. What cannot be stored is only not known later. */
export async function storeDurations(
	env: Readonly<Record<string, string | undefined>>,
	results: Results,
): Promise<void> {
	const file = fileOf(env);
	const all = { ...storedDurations(env), ...durationsOf(results) };
	try {
		await mkdir(path.dirname(file), { recursive: true });
		await writeWhole(file, `${JSON.stringify(all, null, ' ')}\n`);
	} catch {
		// The next run divides without it.
	}
}

function durationsOf({ cells }: Results): Durations {
	const ended = cells.filter(({ status }) => status === 'pass' || status === 'fail' || status === 'xfail');
	return Object.fromEntries(ended.flatMap(({ id, timings }) => (timings.totalMs ? [[id, timings.totalMs]] : [])));
}
