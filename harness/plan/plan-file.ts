import { existsSync, statSync } from 'node:fs';
import * as v from 'valibot';
import { messageOf, readStoredSync, type Shape, UsageError } from '../../src/lib/index.ts';
import { divisionName } from '../../src/run/index.ts';
import type { Cell } from './plan.ts';
import { type Durations, divide, durationOf } from './shards.ts';

/** A frozen division of cells into parts, written by `vpmu plan` and read by `run --plan` and `merge --plan`. */
export interface PlanFile {
	readonly schema: 'vpmu-plan/1';
	/** The version of vpmu that made it. */
	readonly vpmu: string;
	readonly argv: readonly string[];
	/** Number of parts. */
	readonly count: number;
	/** The plan's key: runs that name it are parts of the same division. */
	readonly division: string;
	readonly cells: readonly {
		readonly id: string;
		/** Its part, from 1. */
		readonly shard: number;
		/** The reason for a skip that was already known. */
		readonly skip: string | null;
		/** The duration used for balancing; `null` for a new cell. */
		readonly durationMs: number | null;
	}[];
}

const part = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000));

const planShape: Shape<PlanFile> = v.looseObject({
	...{ schema: v.literal('vpmu-plan/1'), vpmu: v.string(), argv: v.array(v.string()) },
	...{ count: part, division: v.string() },
	cells: v.array(
		v.looseObject({
			...{ id: v.string(), shard: part, skip: v.nullish(v.string(), null), durationMs: v.nullish(v.number(), null) },
		}),
	),
});

/** Divides cells into parts, balanced by past durations. Pure. @throws UsageError for more parts than cells */
export function planFileOf(
	cells: readonly Cell[],
	{ count, durations, ...made }: Pick<PlanFile, 'vpmu' | 'argv' | 'count'> & { readonly durations: Durations },
): PlanFile {
	if (count > cells.length) {
		const them = cells.length === 1 ? 'is 1 cell' : `are ${cells.length} cells`;
		throw new UsageError(
			`'${count}' of option '--shards' leaves parts empty: there ${them}; allowed: 1 to ${cells.length}`,
		);
	}
	const parts = divide(cells, { count, durations });
	const divided = cells.map(({ id, skip }, index) => ({
		...{ id, shard: parts[index]!, skip, durationMs: durationOf(durations, id) ?? null },
	}));
	return { schema: 'vpmu-plan/1', ...made, count, division: divisionOf(divided, count), cells: divided };
}

/** Reads a plan file. @throws UsageError when it is missing, damaged or was changed */
export function readPlanFile(file: string): PlanFile {
	const where = `'${file}' of option '--plan'`;
	// Opening a FIFO would wait for a writer, and nothing could end that wait.
	if (existsSync(file) && !statSync(file).isFile()) {
		throw new UsageError(`${where} is not a regular file; allowed: a file that 'vpmu plan' wrote`);
	}
	const found = readable(() => readStoredSync(file, planShape), where);
	if (found.state === 'missing') throw new UsageError(`${where} does not exist; 'vpmu plan' writes such a file`);
	if (found.state === 'damaged') throw new UsageError(`${where} ${found.problem}`);
	const { cells, count, division } = found.value;
	if (divisionOf(cells, count) !== division) {
		throw new UsageError(`${where} was changed since 'vpmu plan' wrote it: its cells are not division ${division}`);
	}
	return found.value;
}

function readable<T>(read: () => T, where: string): T {
	try {
		return read();
	} catch (error) {
		throw new UsageError(`${where} cannot be read: ${messageOf(error)}`, { cause: error });
	}
}

function divisionOf(cells: PlanFile['cells'], count: number): string {
	return divisionName(
		cells.map(({ id, shard }) => [id, shard]),
		count,
	);
}
