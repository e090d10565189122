import { recordRuns, stateFolder } from '../../src/history/index.ts';
import { messageOf } from '../../src/lib/index.ts';
import type { Results } from '../../src/run/index.ts';
import type { CommandContext } from '../usage/context.ts';

/** Adds a run to the user's history. Never throws: a run that cannot be added ends as it would, with a note. */
export function remember(
	results: Results,
	folder: string,
	{ env, stderr }: Pick<CommandContext, 'env' | 'stderr'>,
): void {
	const note = (text: string) => void stderr.write(`vpmu: note: ${text}\n`);
	try {
		recordRuns({ folder: stateFolder(env), onNote: note }, [{ results, folder }]);
	} catch (error) {
		note(`the run is not in the history: ${messageOf(error)}`);
	}
}
