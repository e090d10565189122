import { counted } from '../../lib/text/counted.ts';
import { visible } from '../../lib/text/foreign.ts';
import { isUrgent } from '../comparison/document.ts';
import { oneLine } from '../document/blocks.ts';
import type { SeriesVerdict } from './verdict.ts';

/** GitHub shows at most ten annotations of a level per step. */
const mostAnnotations = 10;

/**
 * Renders a verdict as GitHub's workflow commands: an `::error` for each regression, at the file that the series
 * changes most, and one `::notice` with the verdict.
 */
export function annotationsOf(verdict: SeriesVerdict): string {
	const { series, comparison, builds, passes, why, kernel } = verdict;
	const file = series.flatMap(one => one.patches).flatMap(patch => patch.files)[0];
	const errors = [
		...(kernel?.answers?.worse ?? []).map(id => ({
			title: 'regression',
			message: `KVM does not answer as its source says: ${id}`,
		})),
		...(builds?.findings
			.filter(one => one.severity === 'regression')
			.map(one => ({ title: 'regression', message: one.text })) ?? []),
		...comparison.groups
			.filter(one => isUrgent(one) && one.kind !== 'exposed')
			.map(group => ({
				title: `${group.kind}: ${counted(group.cells.length, 'cell')}`,
				message: `${group.why}${group.where === '' ? '' : ` (${group.where})`}`,
			})),
	];
	const said = passes === true ? 'passes' : passes === false ? 'does not pass' : 'has no verdict';
	const level = passes === null ? 'warning' : 'notice';
	return [
		...errors
			.slice(0, mostAnnotations)
			.map(({ title, message }) => command('error', { file, title: `vpmu ${title}` }, message)),
		command(level, { title: 'vpmu series' }, `the series ${said}: ${why.join('; ')}`),
		'',
	].join('\n');
}

/**
 * Makes a workflow command. `%`, line feeds and separators in the text are escaped, so that it contains no further
 * command.
 */
export function command(
	level: string,
	properties: Readonly<Record<string, string | undefined>>,
	message: string,
): string {
	const plain = (text: string) =>
		visible(oneLine(text)).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
	const given = Object.entries(properties).flatMap(([name, value]) =>
		value === undefined ? [] : [`${name}=${plain(value).replaceAll(':', '%3A').replaceAll(',', '%2C')}`],
	);
	return `::${level}${given.length === 0 ? '' : ` ${given.join(',')}`}::${plain(message)}`;
}
