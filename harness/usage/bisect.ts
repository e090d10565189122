import type { CommandContext } from './context.ts';
import { bisectCode, bisectCodes, exitCodes } from './exit-codes.ts';
import { explain } from './explain.ts';

/**
 * Runs a step of `git bisect run`, and returns its exit status as git reads it. Bad usage ends the bisection: it would fail at every
 * commit, and must not make one bad. `isUnbuilt` tells errors of usage that come from a commit that was not built.
 * @throws the signal's reason
 */
export async function bisecting(
	context: CommandContext,
	step: () => Promise<number>,
	isUnbuilt: (error: unknown) => boolean = () => false,
): Promise<number> {
	try {
		return bisectCode(await step());
	} catch (error) {
		if (context.signal.aborted) throw error;
		const code = explain(error, context);
		return code === exitCodes.usage && !isUnbuilt(error) ? bisectCodes.abort : bisectCodes.untestable;
	}
}
