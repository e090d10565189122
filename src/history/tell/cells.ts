import { buildOf } from '../../compare/index.ts';
import { counted } from '../../lib/text/counted.ts';
import { type Block, programName, type ReportDocument, shownStatus } from '../../report/index.ts';
import { isLost } from '../../run/index.ts';
import { type CellHistory, isGood } from '../judge/cells.ts';
import {
	bars,
	boundsText,
	linksTo,
	momentText,
	nightText,
	rateText,
	reasonText,
	resultText,
	spreadText,
	verdictsText,
} from './words.ts';

/** Plots show this many of the latest results. */
const mostMarks = 60;

/**
 * Makes the history of cells: a table of all, or every detail of those that the user named. `since` is the moment in
 * milliseconds before which runs were left out.
 */
export function cellsDocument(
	cells: readonly CellHistory[],
	{ name, from, since = 0 }: { readonly name?: string | undefined; readonly from: string; readonly since?: number },
): ReportDocument {
	const runs = new Set(cells.flatMap(({ results }) => results.map(({ run }) => run)));
	if (runs.size === 0 && since > 0) return { title: `no run since ${momentText(since)}`, blocks: [] };
	if (runs.size === 0) {
		return {
			title: 'the history is empty',
			blocks: [{ kind: 'text', text: "'vpmu run' and 'vpmu history import RUN...' fill it." }],
		};
	}
	const started = [...runs].map(run => run.started);
	const first = started.reduce((least, one) => Math.min(least, one), Number.POSITIVE_INFINITY);
	return {
		title: `${name ?? 'history'}: ${counted(cells.length, 'cell')}, ${counted(runs.size, 'run')} since ${momentText(first)}`,
		blocks: name === undefined ? tablesOf(cells) : cells.flatMap(one => detailsOf(one, from)),
	};
}

/** A table for each case; its cells are named by what follows the case in their ids. */
function tablesOf(cells: readonly CellHistory[]): Block[] {
	const judged = cells.filter(({ results }) => results.some(one => one.status !== 'skip' || isLost(one)));
	const skipped = cells.length - judged.length;
	const builds = briefBuilds(judged);
	const briefly = (id: string) => {
		const build = buildOf(id);
		return build === undefined ? id : id.replace(`,${build}`, () => `,${builds.get(build) ?? build}`);
	};
	return [
		...[...Map.groupBy(judged, one => one.case)].flatMap(([text, own]): Block[] => [
			{ kind: 'heading', text },
			{
				kind: 'table',
				head: ['last', 'runs', 'boot', 'flaky', 'red since', 'cell'],
				rows: own.map(one => [
					...[shownStatus(one.last), String(one.results.length), spreadText(one.boot), rateText(one)],
					...[one.firstBad === null ? '-' : nightText(one.firstBad.run)],
					briefly(one.id.startsWith(text) ? one.id.slice(text.length) : one.id),
				]),
			},
		]),
		...(skipped === 0 ? [] : [{ kind: 'text' as const, text: `Always skipped: ${counted(skipped, 'cell')}.` }]),
		...(builds.size === 0
			? []
			: [
					{ kind: 'heading' as const, text: 'Builds' },
					{ kind: 'table' as const, head: ['', ''], rows: [...builds].map(([build, name]) => [name, build]) },
				]),
	];
}

/** Maps long paths of QEMUs in ids to short names; a name that several would have is not used. */
function briefBuilds(cells: readonly CellHistory[]): ReadonlyMap<string, string> {
	const paths = new Set(cells.flatMap(({ id }) => buildOf(id) ?? []));
	const named = [...Map.groupBy([...paths].sort(), programName)];
	return new Map(
		named.flatMap(([name, [path, other]]) => (other === undefined && name !== path ? [[path!, name]] : [])),
	);
}

function detailsOf(one: CellHistory, from: string): Block[] {
	const shown = one.results.slice(-mostMarks);
	const boots = shown.filter(isGood).flatMap(({ bootMs }) => bootMs ?? []);
	const rows: [string, string][] = [
		['last', `${shownStatus(one.last)}: ${resultText(one.last)}`],
		['verdicts', `${verdictsText(shown)} (. good, r good after a retry, F bad, E no verdict, - skipped)`],
		['boot', `${spreadText(one.boot)}${boots.length < 2 ? '' : `  ${bars(boots)}`}`],
		['whole cell', spreadText(one.total)],
		['flaky', rateText(one)],
		...(one.firstBad === null
			? one.lastGood === null || one.lastGood === one.last
				? []
				: [['last good', resultText(one.lastGood)] as [string, string]]
			: [['red', boundsText(one)] as [string, string]]),
	];
	return [
		{ kind: 'heading', text: one.id },
		{ kind: 'table', head: ['', ''], rows },
		{
			kind: 'list',
			items: [
				{ text: reasonText(one.last) || one.last.status, detail: one.last.run.folder, links: linksTo(one.last, from) },
			],
		},
	];
}
