import { createHash } from 'node:crypto';
import { UsageError } from '../lib/errors.ts';
import type { PlannedCell, RunEvent } from './events.ts';
import { resultsOf } from './fold.ts';
import type { CellResult, Results, RunPart } from './results.ts';

/**
 * Names a division of cells into parts. Does not depend on the order of the cells, so that it can be computed from what the
 * parts contain. Pure.
 */
export function divisionName(cells: readonly (readonly [id: string, part: number])[], count: number): string {
	const lines = cells.map(([id, part]) => `${part} ${JSON.stringify(id)}\n`).sort();
	return createHash('sha256')
		.update(`${count}\n${lines.join('')}`)
		.digest('hex')
		.slice(0, 16);
}

/** A run that is to be merged. */
export interface GivenPart {
	/** How the user named its folder. */
	readonly folder: string;
	readonly events: readonly RunEvent[];
}

/** A frozen division, as its file has it. */
export interface GivenPlan {
	readonly division: string;
	readonly cells: readonly { readonly id: string }[];
}

/** What the merged run says of itself. */
export type MergedRun = Pick<Results['run'], 'id' | 'argv' | 'vpmu'>;

/** The merged run, and where each cell came from. */
export interface Merged {
	/** In the order of the parts' times. A cell without an end gets one. */
	readonly events: readonly RunEvent[];
	readonly results: Results;
	/** The folder of the part that a cell was in, as it was given, by the cell's id. */
	readonly from: ReadonlyMap<string, string>;
	/** Whether a part was interrupted: some of its cells have no verdict. */
	readonly interrupted: boolean;
}

/**
 * Joins the parts of a division into one run. Each cell keeps its result, with the number of its part.
 *
 * @param plan the plan of the division, if it is known: the order of the cells, and a check that names what is missing
 * @throws UsageError that names the part or cell: a whole run, parts of different divisions, a part that is missing or given
 * twice, a cell that is missing or in two parts
 */
export function mergeRuns(given: readonly GivenPart[], merged: MergedRun, plan?: GivenPlan): Merged {
	const { count, division, parts } = partsOf(given);
	if (plan !== undefined && plan.division !== division) {
		throw new UsageError(
			`the parts are division ${division}, but the plan of option '--plan' is division ${plan.division}`,
		);
	}
	const order = plan?.cells.map(({ id }) => id);
	const from = new Map<string, number>();
	for (const [index, { folder, results }] of parts.entries()) {
		for (const { id } of results.cells) {
			const other = from.get(id);
			if (other !== undefined) {
				throw new UsageError(`cell '${id}' stands twice: in '${parts[other]!.folder}' and in '${folder}'`);
			}
			from.set(id, index);
		}
	}
	const missing = order?.find(id => !from.has(id));
	if (missing !== undefined) {
		throw new UsageError(`cell '${missing}' of division ${division} is missing: no part that was given contains it`);
	}
	const found = divisionName(
		[...from].map(([id, index]) => [id, parts[index]!.part.index]),
		count,
	);
	if (found !== division) {
		throw new UsageError(
			`the parts do not contain the cells of division ${division}, which they name: their cells are division ${found}; a cell was removed, added or moved`,
		);
	}
	const place = new Map((order ?? []).map((id, index) => [id, index]));
	const planned = parts
		.flatMap(({ start }) => start.cells)
		.sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
	const events = mergedEvents(parts, planned, merged);
	return {
		...{ events, results: resultsOf(events), interrupted: parts.some(({ isInterrupted }) => isInterrupted) },
		from: new Map([...from].map(([id, index]) => [id, parts[index]!.folder])),
	};
}

interface Part extends GivenPart {
	readonly start: Extract<RunEvent, { event: 'run-start' }>;
	readonly results: Results;
	readonly part: RunPart;
	readonly isInterrupted: boolean;
}

function partsOf(given: readonly GivenPart[]): { count: number; division: string; parts: Part[] } {
	const all = given.map(({ folder, events }) => {
		const results = resultsOf(events);
		const { shard, ...run } = results.run;
		if (shard === undefined) {
			const what = run.parts === undefined ? 'it was run without --shard' : 'it is a merged run';
			throw new UsageError(`'${folder}' is not a part of a run: ${what}`);
		}
		return { ...{ folder, events, results, shard }, part: { ...run, index: shard.index } };
	});
	const first = all[0];
	if (first === undefined) throw new UsageError('no run to merge was given');
	const { count, division } = first.shard;
	const nameOf = ({ folder, shard }: (typeof all)[number]) =>
		`'${folder}' is part ${shard.index}/${shard.count} of division ${shard.division}`;
	const other = all.find(({ shard }) => shard.division !== division || shard.count !== count);
	if (other !== undefined) {
		throw new UsageError(
			`${nameOf(other)}, but ${nameOf(first)}; run every part by the same plan ('vpmu plan', 'vpmu run --plan')`,
		);
	}
	const byIndex = new Map<number, (typeof all)[number]>();
	for (const one of all) {
		const same = byIndex.get(one.shard.index);
		if (same !== undefined) {
			throw new UsageError(`part ${one.shard.index}/${count} is given twice: '${same.folder}' and '${one.folder}'`);
		}
		byIndex.set(one.shard.index, one);
	}
	const missing = missingIndices(count, byIndex);
	if (missing.length > 0) {
		const names = missing.map(index => `${index}/${count}`).join(', ');
		const them = [...byIndex.values()].map(({ shard, folder }) => `${shard.index}/${count} ('${folder}')`).join(', ');
		throw new UsageError(
			`${missing.length === 1 ? 'part' : 'parts'} ${names} of division ${division} missing; given: ${them}`,
		);
	}
	const parts = [...byIndex.entries()].sort(([a], [b]) => a - b).map(([, one]) => withEnds(one));
	return { count, division, parts };
}

/** The first few parts that are not there; `count` may be any number that a file has. */
function missingIndices(count: number, found: ReadonlyMap<number, unknown>): number[] {
	const missing: number[] = [];
	for (let index = 1; index <= count && missing.length < 10; index++) if (!found.has(index)) missing.push(index);
	return missing;
}

function withEnds(part: Omit<Part, 'start' | 'isInterrupted'>): Part {
	const start = part.events.find(event => event.event === 'run-start') as Part['start'];
	const isInterrupted = part.events.some(event => event.event === 'run-end' && event.interrupted);
	return { ...part, start, isInterrupted };
}

interface TimedEvent {
	readonly time: number;
	readonly event: RunEvent;
}

/** The last moment that a `Date` can hold; a duration may be any number that a file has. */
const lastMoment = 8.64e15;

/** The events of all parts by time; those of one part stay in their order, whatever its clock says. */
function mergedEvents(parts: readonly Part[], planned: readonly PlannedCell[], merged: MergedRun): RunEvent[] {
	const startedAt = new Date(Math.min(...parts.map(({ results }) => Date.parse(results.run.startedAt)))).toISOString();
	const timed = parts.flatMap(({ events, results, part }) => {
		const ended = new Set<string>();
		let time = 0;
		const own = events.flatMap((event): TimedEvent[] => {
			time = Math.max(time, Date.parse(event.at));
			if (event.event === 'run-start' || event.event === 'run-end') return [];
			if (event.event !== 'cell-end') return [{ time, event }];
			ended.add(event.result.id);
			return [{ time, event: { ...event, result: { ...event.result, part: part.index } } }];
		});
		// Interrupted or lost: the fold of the part alone knows which.
		const ends = results.cells
			.filter(({ id }) => !ended.has(id))
			.map((cell): TimedEvent => {
				const result: CellResult = { ...cell, part: part.index };
				return { time, event: { at: new Date(time).toISOString(), event: 'cell-end', result } };
			});
		return [...own, ...ends];
	});
	const ends = parts.map(({ part }) => Date.parse(part.startedAt) + part.durationMs);
	const endedAt = Math.min(Math.max(...ends), lastMoment);
	const at = new Date(endedAt).toISOString();
	return [
		{
			...{ at: startedAt, event: 'run-start', cells: planned },
			run: { ...merged, startedAt, parts: parts.map(({ part }) => part) },
		},
		...timed.sort((a, b) => a.time - b.time).map(({ event }) => event),
		{
			...{ at, event: 'run-end', durationMs: Math.max(0, endedAt - Date.parse(startedAt)) },
			interrupted: parts.some(({ isInterrupted }) => isInterrupted),
		},
	];
}
