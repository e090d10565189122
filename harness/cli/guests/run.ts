import { UsageError } from '../../../src/lib/index.ts';
import { UnfitBuild } from '../../plan/select.ts';
import { executeRun } from '../../run/execute.ts';
import type { RunRequest } from '../../run/request.ts';
import type { CommandContext } from '../../usage/context.ts';
import { bisectCode, bisectCodes, exitCodes } from '../../usage/exit-codes.ts';
import { explain } from '../../usage/explain.ts';
import type { Given } from '../command.ts';
import { readLabels } from './labels.ts';
import type { runOptions } from './options.ts';
import { readSelection } from './select-options.ts';

/** `vpmu run`. */
export async function run(context: CommandContext, given: Given<typeof runOptions>): Promise<number> {
	// A step of a bisection says nothing about the nights.
	if (!given.options.bisect) return await executeRun({ ...requestOf(given), remember: true }, context);
	try {
		return bisectCode(await executeRun(requestOf(given), context));
	} catch (error) {
		if (context.signal.aborted) throw error;
		const code = explain(error, context);
		// Bad usage would fail at every commit, so it must not make one bad. A missing QEMU means that it was not
		// built.
		return code === exitCodes.usage && !(error instanceof UnfitBuild) ? bisectCodes.abort : bisectCodes.untestable;
	}
}

/** Parses the options of `vpmu run`. @throws UsageError */
export function requestOf(given: Given<typeof runOptions>): RunRequest {
	const { options } = given;
	if (options['retry-failures'] && options.retries === undefined) {
		throw new UsageError("option '--retry-failures' needs '--retries N'");
	}
	const { kernel, boardKernel, ...selection } = readSelection(given);
	return {
		argv: given.argv,
		...{ selection, casesFolder: options.cases, kernel, boardKernel, jobs: options.jobs },
		...{ retries: options.retries ?? 0, retryFailures: options['retry-failures'] },
		silenceMs: options.silence === undefined ? undefined : options.silence * 1000,
		...{ quarantine: options.quarantine, wait: !options['no-wait'], keep: options.keep },
		...{ out: options.out, json: options.json, labels: readLabels(options.label) },
	};
}
