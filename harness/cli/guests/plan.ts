import { existsSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, UsageError } from '../../../src/lib/index.ts';
import { planFileOf } from '../../plan/plan-file.ts';
import { durationsOfRun, storedDurations } from '../../plan/shards.ts';
import { planRun } from '../../run/request/request.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { version } from '../../usage/places.ts';
import { type Given, nothingGiven } from '../command.ts';
import { type planOptions, runOptions } from './options.ts';
import { requestOf } from './run.ts';

/** `vpmu plan`. */
export async function plan(context: CommandContext, given: Given<typeof planOptions>): Promise<number> {
	const { shards: count, out, durations: run, ...options } = given.options;
	if (count === undefined) throw new UsageError("'vpmu plan' needs option '--shards N'");
	if (out === undefined) throw new UsageError("'vpmu plan' needs option '--out FILE'");
	const target = path.resolve(context.cwd, out);
	// Opening a FIFO would wait for a reader, and nothing could end that wait.
	if (existsSync(target) && statSync(target).isFIFO()) {
		throw new UsageError(`'${out}' of option '--out' is a FIFO; allowed: a regular file`);
	}
	const request = requestOf({ ...given, options: { ...nothingGiven(runOptions), ...options } });
	const { cells } = await planRun(request, context);
	const durations = run === undefined ? storedDurations(context.env) : durationsOfRun(run);
	const file = planFileOf(cells, { vpmu: version, argv: given.argv, count, durations });
	try {
		writeFileSync(target, `${JSON.stringify(file, null, '\t')}\n`);
	} catch (error) {
		throw new UsageError(`cannot write '${out}' of option '--out': ${messageOf(error)}`, { cause: error });
	}
	const sizes = Array.from(
		{ length: count },
		(_, index) => file.cells.filter(({ shard }) => shard === index + 1).length,
	);
	context.stdout.write(`division ${file.division}: ${cells.length} cells in ${count} parts (${sizes.join(', ')})\n`);
	return exitCodes.asPredicted;
}
