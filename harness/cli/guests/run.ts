import { UnfitBuild } from '../../plan/select.ts';
import { executeRun } from '../../run/execute.ts';
import type { RunRequest } from '../../run/request/request.ts';
import { bisecting } from '../../usage/bisect.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Given } from '../command.ts';
import { readLabels } from './labels.ts';
import type { runOptions } from './options.ts';
import { readSelection } from './select-options.ts';

/** `vpmu run`. */
export async function run(context: CommandContext, given: Given<typeof runOptions>): Promise<number> {
	// A step of a bisection says nothing about the nights.
	if (!given.options.bisect) return await executeRun({ ...requestOf(given), remember: true }, context);
	// A missing QEMU means that it was not built.
	return await bisecting(
		context,
		async () => await executeRun(requestOf(given), context),
		error => error instanceof UnfitBuild,
	);
}

/** Parses the options of `vpmu run`. @throws UsageError */
export function requestOf(given: Given<typeof runOptions>): RunRequest {
	const { options } = given;
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
