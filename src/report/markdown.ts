import type { Results } from '../run/results.ts';
import { markdownFrom } from './document/index.ts';
import { runDocument } from './run/document.ts';

/** Renders a run for a pull request or a mail: what went wrong first, then every cell. Uses GitHub's tables. */
export function markdownOf(results: Results, folder: string): string {
	return markdownFrom(runDocument(results, { folder, isWhole: true }));
}
