import { findingIn, groupingText, identityOf, stableIdsOf, whereOf } from '../../compare/index.ts';
import { counted } from '../../lib/text/counted.ts';
import { formatDuration } from '../../lib/waiting/deadline.ts';
import { isInterrupted } from '../../run/fold.ts';
import { type CellResult, cellStatuses, type Results } from '../../run/results.ts';
import type { Block, ListItem, ReportDocument } from '../document/blocks.ts';
import { explanationOf, isWrong, reasonOf, sharedWords } from '../explain/explanation.ts';
import { explanationLines } from '../explain/text.ts';
import { notesOf } from '../notes.ts';
import { triedText } from '../series/document.ts';
import { triedIn } from '../series/verdict.ts';
import { countsOf, observedOf, programName, shownStatus, viewOf } from '../words.ts';

export interface RunReportOptions {
	/** The run folder as the reader can name it, for commands. */
	readonly folder: string;
	/** Adds a table of every cell. */
	readonly isWhole?: boolean;
	/** Who ran it, `NAME <ADDRESS>`, for `Tested-by:`; without, the line says what to put there. */
	readonly tester?: string | undefined;
}

/** Causes that are explained; of more, the number is told. */
const mostExplained = 8;
const mostNotes = 10;
const shownAs = { summary: false, width: 200 } as const;

/**
 * A run as a report for a mailing list or a pull request: what came of it by host, what went wrong by cause with evidence and
 * command, known findings, what was real and what simulated, and a `Tested-by:` if everything that was tried passed. Pure.
 */
export function runDocument(results: Results, { folder, isWhole = false, tester }: RunReportOptions): ReportDocument {
	const { run, cells } = results;
	const wrong = causesOf(cells.filter(isWrong), cells);
	const known = causesOf(
		cells.filter(cell => cell.status === 'xfail'),
		cells,
	);
	const notes = notesOf(results);
	const names = stableIdsOf(cells.map(({ id }) => id));
	const nameOf = ({ id }: CellResult) => names.get(id)!;
	const items = [
		...wrong.slice(0, mostExplained).map(cause => wrongItem(cause, run, folder, nameOf)),
		...known.map(cause => knownItem(cause, run, folder, nameOf)),
	];
	const left = wrong.slice(mostExplained).reduce((total, cause) => total + cause.cells.length, 0);
	return {
		title: `vpmu run ${run.id}: ${headlineOf(results)}`,
		blocks: [
			{
				kind: 'table',
				head: ['', ''],
				rows: [
					['QEMU', qemuText(cells)],
					['kernel', list(cells.map(cell => cell.on.kernel))],
					['tried', triedOf(results)],
					['run', `${run.startedAt}, ${formatDuration(run.durationMs)}, vpmu ${run.vpmu}`],
				],
			},
			{ kind: 'heading', text: 'Results by host' },
			hostTable(cells),
			...(items.length === 0
				? []
				: [{ kind: 'heading' as const, text: wrong.length > 0 ? 'What went wrong' : 'Known findings' }]),
			...(items.length === 0 ? [] : [{ kind: 'list' as const, items }]),
			...(items.some(({ command = [] }) => command.some(word => word.startsWith('./')))
				? [{ kind: 'text' as const, text: 'In a command, ./NAME stands for your own build.' }]
				: []),
			...(left === 0 ? [] : [{ kind: 'text' as const, text: `And ${counted(left, 'more cell')} for other reasons.` }]),
			...noteBlocks(notes.map(note => note.text)),
			...(isWhole ? cellBlocks(cells, nameOf) : []),
			...(allPassed(results) ? testedBy(results, tester) : []),
		],
	};
}

/** Whether everything that was tried passed, and something was. */
export function allPassed({ cells, summary }: Results): boolean {
	const { fail, xfail, xpass, error, pass } = summary;
	const isCut = cells.some(isInterrupted);
	return pass > 0 && fail + xfail + xpass + error === 0 && !isCut && cells.every(cell => cell.flaky !== true);
}

function headlineOf({ cells }: Results): string {
	const told = [...cellStatuses, 'interrupted' as const].map(status => [countOf(cells, status), status] as const);
	const all = told.filter(([count]) => count > 0).map(([count, status]) => `${count} ${status}`);
	return all.join(', ') || 'no cell';
}

const countOf = (cells: readonly CellResult[], status: ReturnType<typeof shownStatus>) =>
	cells.filter(cell => shownStatus(cell) === status).length;

/** What was tried, with the skipped cells of it that mean nothing on their hosts. */
function triedOf(results: Results): string {
	const tried = triedIn(results);
	return triedText({ ...tried, cells: { ...tried.cells, skip: countOf(results.cells, 'skip') } });
}

const list = (values: readonly (string | null)[]) =>
	[...new Set(values.filter(value => value !== null))].join(', ') || '-';

function qemuText(cells: readonly CellResult[]): string {
	return list(
		cells.map(({ qemu: { version, path, hasPmuChoice } }) => {
			const choice = hasPmuChoice === true ? ', with the PMU choice' : '';
			return version === null ? null : `${version} (${path === null ? 'unknown program' : programName(path)}${choice})`;
		}),
	);
}

const columns = ['pass', 'xfail', 'fail', 'xpass', 'error', 'interrupted', 'skip'] as const;

function hostTable(cells: readonly CellResult[]): Block {
	const shown = columns.filter(status => countOf(cells, status) > 0);
	const hosts = Map.groupBy(cells, cell => cell.on.host ?? 'unknown host');
	return {
		kind: 'table',
		head: ['host', ...shown],
		rows: [...hosts].map(([host, all]) => [host, ...shown.map(status => String(countOf(all, status)))]),
	};
}

interface Cause {
	readonly cells: readonly CellResult[];
	readonly where: string;
}

/** Cells with one reason together, those that are the code's fault first, then the most. */
function causesOf(cells: readonly CellResult[], all: readonly CellResult[]): Cause[] {
	const groups = Map.groupBy(cells, ({ status, blame, reason }) => {
		const finding = status === 'xfail' ? findingIn(reason) : undefined;
		return `${status}\n${blame}\n${finding ?? groupingText(reason ?? '')}`;
	});
	const everywhere = all.map(identityOf);
	const rank = ({ status }: CellResult) => columns.indexOf(status === 'xfail' ? 'skip' : status);
	return [...groups.values()]
		.map(members => ({ cells: members, where: whereOf(members.map(identityOf), everywhere).text }))
		.sort((a, b) => rank(a.cells[0]!) - rank(b.cells[0]!) || b.cells.length - a.cells.length);
}

type NameOf = (cell: CellResult) => string;

/** Names the cells of a cause: one by itself, more by where they are and the first. */
const namesOf = ({ cells, where }: Cause, nameOf: NameOf) =>
	cells.length === 1 ? nameOf(cells[0]!) : `${counted(cells.length, 'cell')}${where === '' ? '' : ` ${where}`}`;

const firstOf = ({ cells }: Cause, nameOf: NameOf) => (cells.length === 1 ? '' : `first: ${nameOf(cells[0]!)}`);

function wrongItem(cause: Cause, run: Results['run'], folder: string, nameOf: NameOf): ListItem {
	const { cells } = cause;
	const [cell] = cells as [CellResult];
	const explanation = explanationOf(cell, folder);
	return {
		tag: cell.status,
		text: `${namesOf(cause, nameOf)}${explanation.summary.slice(cell.status.length)}`,
		detail: firstOf(cause, nameOf),
		// A cell that never got as far as a prediction has nothing to explain.
		block: explanationLines(explanation, shownAs).filter(line => !/^repeat/.test(line)),
		command: sharedWords(cell, run, folder),
	};
}

function knownItem(cause: Cause, run: Results['run'], folder: string, nameOf: NameOf): ListItem {
	const [cell] = cause.cells as [CellResult];
	return {
		tag: 'xfail',
		text: `${namesOf(cause, nameOf)}: ${reasonOf(cell) || 'no reason given'}`,
		detail: firstOf(cause, nameOf),
		command: sharedWords(cell, run, folder),
	};
}

function noteBlocks(notes: readonly string[]): Block[] {
	if (notes.length === 0) return [];
	const left = notes.length - mostNotes;
	const items = [...notes.slice(0, mostNotes), ...(left > 0 ? [`and ${left} more`] : [])].map(text => ({ text }));
	return [
		{ kind: 'heading', text: 'Notes' },
		{ kind: 'list', items },
	];
}

function cellBlocks(cells: readonly CellResult[], nameOf: NameOf): Block[] {
	return [
		{ kind: 'heading', text: 'Cells' },
		{
			kind: 'table',
			head: ['status', 'cell', 'QEMU', 'predicted', 'observed', 'time', 'counts'],
			rows: cells.map(cell => [
				...[shownStatus(cell), nameOf(cell), cell.qemu.version ?? ''],
				...[viewOf(cell.predicted), observedOf(cell)],
				...[cell.timings.totalMs === null ? '' : formatDuration(cell.timings.totalMs), countsOf(cell)],
			]),
		},
	];
}

function testedBy({ run, summary }: Results, tester = 'NAME <ADDRESS>'): Block[] {
	return [
		{ kind: 'text', text: `Everything that was tried passed: ${counted(summary.pass, 'cell')}, vpmu ${run.vpmu}.` },
		{ kind: 'lines', lines: [`Tested-by: ${tester}`] },
	];
}
