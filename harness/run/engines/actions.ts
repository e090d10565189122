import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { messageOf } from '../../../src/lib/index.ts';
import { githubOf, markdownOf } from '../../../src/report/index.ts';
import type { Results } from '../../../src/run/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Output } from '../../usage/output.ts';

/** What a run does besides when it runs on GitHub Actions. */
export interface OnActions {
	/** Annotations and the job summary. */
	report(results: Results, folder: string): Promise<void>;
}

/**
 * On GitHub Actions (`GITHUB_ACTIONS`), stops it from obeying what the run prints: words of guests and QEMUs are in it, and a
 * line that begins with `::` is a command there. Afterwards a run is reported as annotations, and in the job summary
 * (`GITHUB_STEP_SUMMARY`). Elsewhere nothing is done.
 */
export function onActions(
	{ env, stderr }: Pick<CommandContext, 'env' | 'stderr'>,
	out: Pick<Output, 'write'>,
): OnActions {
	if (env.GITHUB_ACTIONS !== 'true') return { report: async () => undefined };
	const token = randomBytes(16).toString('hex');
	out.write(`::stop-commands::${token}\n`);
	return {
		async report(results, folder) {
			// The parts of a run are reported when they are merged.
			if (results.run.shard !== undefined) return;
			out.write(`::${token}::\n${githubOf(results, folder)}`);
			const summary = env.GITHUB_STEP_SUMMARY;
			if (summary === undefined || summary === '') return;
			try {
				await appendFile(summary, summaryOf(results, folder));
			} catch (error) {
				// A summary is an extra: the results stand without it.
				stderr.write(
					`vpmu: the job summary '${summary}' (GITHUB_STEP_SUMMARY) could not be written: ${messageOf(error)}\n`,
				);
			}
		},
	};
}

/** GitHub refuses a job summary that is longer (1 MiB for a step). */
const mostSummaryBytes = 1_000_000;

function summaryOf(results: Results, folder: string): string {
	const whole = Buffer.from(`${markdownOf(results, folder)}\n`);
	return whole.length <= mostSummaryBytes
		? whole.toString('utf8')
		: `${whole.subarray(0, mostSummaryBytes).toString('utf8')}\n\ncut\n`;
}
