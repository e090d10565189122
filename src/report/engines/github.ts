import type { CellResult, Results } from '../../run/results.ts';

/**
 * Renders what went wrong in a run as workflow commands of GitHub Actions, which show them as annotations: an error for each
 * cell that failed, a warning for each that the infrastructure kept from a verdict.
 */
export function githubOf({ cells }: Results): string {
	return cells.flatMap(annotation).join('');
}

function annotation({ id, status, blame, reason }: CellResult): string[] {
	if (status !== 'fail' && status !== 'xpass' && status !== 'error') return [];
	const isError = status !== 'error';
	const title = isError ? `${status} ${id}` : `no verdict (${blame ?? 'harness'}) ${id}`;
	return [`::${isError ? 'error' : 'warning'} title=${property(title)}::${data(reason ?? status)}\n`];
}

/** Escapes as the runner unescapes (actions/toolkit, command.ts). */
const data = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string) => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
