import { counted } from '../../lib/text/counted.ts';
import type { ListItem, ReportDocument } from '../../report/index.ts';
import type { CellHistory } from '../judge/cells.ts';
import type { Again, JudgedFailure, JudgedNews } from '../judge/news.ts';
import { section } from './section.ts';
import { boundsText, folderText, linksTo, momentText, reasonText, resultText } from './words.ts';

/** What a report says besides the judged news. */
export interface NewsOptions {
	/** The folder that links are relative to. */
	readonly from: string;
	/** Tells readers of several reports which one this is, for example by the kind of its hosts. */
	readonly name?: string | undefined;
	/** A script that bisects what is confirmed. */
	readonly bisect?: string | undefined;
}

/** How many cells of a group are named; the history has all. */
const mostNames = 20;

const titles = {
	confirmed: 'New: failed twice',
	unconfirmed: 'Failed, not confirmed by a second run',
	passed: 'Failed, then passed when run again',
} as const satisfies Record<Again, string>;

/** Makes the report of what one run changed, for those who were not there. */
export function newsDocument(news: JudgedNews, { from, name, bisect }: NewsOptions): ReportDocument {
	const { run, failures, red, fixed, lost } = news;
	const items = (again: Again) => failures.filter(one => one.again === again).map(one => failureItem(one, from));
	return {
		title: `${name === undefined ? '' : `${name}: `}${headlineOf(news)}`,
		blocks: [
			{ kind: 'text', text: `Run ${run.id} of ${momentText(run.started)}${commitText(run.revision)}.` },
			...section(titles.confirmed, items('confirmed')),
			...(bisect === undefined
				? []
				: [{ kind: 'text' as const, text: `'sh ${bisect}' finds the commit that broke it.` }]),
			...section(titles.unconfirmed, items('unconfirmed')),
			...section(titles.passed, items('passed')),
			...section(
				'Fixed',
				fixed.map(one => ({
					tag: 'fixed',
					text: one.id,
					detail: resultText(one.last),
					links: linksTo(one.last, from),
				})),
			),
			...section('No verdict, unlike the night before', lostItems(lost)),
			...(red.length === 0
				? []
				: [{ kind: 'text' as const, text: `Red as before: ${counted(red.length, 'cell')} (${namesOf(red)}).` }]),
		],
	};
}

const commitText = (revision: string | null) => (revision === null ? '' : `, commit ${revision}`);

function headlineOf({ failures, red, fixed, lost }: JudgedNews): string {
	const count = (again: Again) => failures.filter(one => one.again === again).length;
	const told = [
		[count('confirmed'), `new ${count('confirmed') === 1 ? 'failure' : 'failures'}`],
		[count('unconfirmed'), 'not confirmed'],
		[count('passed'), 'passed when run again'],
		[fixed.length, 'fixed'],
		[lost.length, 'without a verdict'],
		[red.length, 'red as before'],
	] as const;
	const said = told.flatMap(([many, what]) => (many === 0 ? [] : [`${many} ${what}`]));
	return said.length === 0 ? 'nothing new tonight' : said.join(', ');
}

function failureItem({ cell, again, reason }: JudgedFailure, from: string): ListItem {
	const { last } = cell;
	return {
		tag: again === 'confirmed' ? 'new' : again === 'passed' ? 'flaky' : 'unclear',
		text: `${cell.id}: ${last.reason ?? last.status}`,
		detail: `${reason === null ? '' : `second run: ${reason}; `}${boundsText(cell)}`,
		links: linksTo(last, from),
		command: ['npx', 'vpmu', 'report', folderText(last.run.folder, from)],
	};
}

/** Cells by the reason why they have no verdict: whatever hid one often hid many. */
function lostItems(lost: readonly CellHistory[]): ListItem[] {
	return [...Map.groupBy(lost, ({ last }) => reasonText(last) || 'no reason is known')].map(([reason, cells]) => ({
		...{
			tag: cells[0]!.last.status === 'error' ? 'error' : undefined,
			text: `${counted(cells.length, 'cell')}: ${reason}`,
			detail: namesOf(cells),
		},
	}));
}

function namesOf(cells: readonly CellHistory[]): string {
	const names = cells.slice(0, mostNames).map(({ id }) => id);
	return [...names, ...(cells.length > mostNames ? ['...'] : [])].join(', ');
}
