import {
	type ChangeGroup,
	type Comparison,
	counted,
	kindTitles,
	type MeasuredChange,
	stableIdOf,
} from '../../compare/index.ts';
import type { Block, ListItem, ReportDocument } from '../document/blocks.ts';

export interface ComparisonOptions {
	/** List every cell and every measured quantity; otherwise the report fits a screen. */
	readonly isVerbose?: boolean;
	/** The folder of the run after, for commands that show a change; absent if it has none. */
	readonly folder?: string | undefined;
}

/** Number of groups shown without `--verbose`; regressions are always shown. */
const mostGroups = 5;

/** Regressions get more room; the first line has their total. */
const mostUrgent = 6;

/** Kinds of change that are wrong, and shown in every report. */
export const isUrgent = ({ kind }: ChangeGroup) => kind === 'regression' || kind === 'failure' || kind === 'finding';

/** Makes a report of a comparison: the conclusion, changes by cause, measurements, and what could not be compared. */
export function comparisonDocument(comparison: Comparison, options: ComparisonOptions = {}): ReportDocument {
	const { before, after, groups, notes } = comparison;
	const shown = options.isVerbose === true ? groups : briefly(groups, mostGroups);
	const lines = linesForUrgent(shown.filter(isUrgent).length);
	const hidden = groups.filter(group => !shown.includes(group));
	const measured = measurementItems(comparison.measurements, options);
	return {
		title: headline(comparison),
		blocks: [
			{
				kind: 'table',
				head: ['', ''],
				rows: [
					['before', sideText(before)],
					['after', sideText(after)],
				],
			},
			...(shown.length === 0
				? []
				: [{ kind: 'list' as const, items: shown.map(group => groupItem(group, { ...options, lines })) }]),
			...(hidden.length === 0 ? [] : [restOf(hidden)]),
			...(measured.length === 0 ? [] : [{ kind: 'list' as const, items: measured }]),
			...(notes.length === 0 ? [] : [{ kind: 'list' as const, items: notes.map(text => ({ tag: 'note', text })) }]),
		],
	};
}

/** The groups shown on one screen. */
export function briefly(groups: readonly ChangeGroup[], most: number): ChangeGroup[] {
	const [urgent, others] = [groups.filter(isUrgent), groups.filter(group => !isUrgent(group))];
	return [...urgent.slice(0, mostUrgent), ...others.slice(0, most)];
}

/** `no regression, 3 fixed, 61 unchanged`. */
export function headline({ counts, regressions, same, sameFailing }: Comparison): string {
	const told = Object.entries(counts)
		.filter(([kind, count]) => count > 0 && kind !== 'regression')
		.map(([kind, count]) => `${count} ${short[kind as keyof typeof counts]}`);
	const first = regressions === 0 ? 'no regression' : counted(regressions, 'regression');
	const failing =
		sameFailing === 0 ? '' : ` (${sameFailing} of them ${sameFailing === 1 ? 'fails' : 'fail'} on both sides)`;
	return [first, ...told, `${same} unchanged${failing}`].join(', ');
}

const short: Readonly<Record<ChangeGroup['kind'], string>> = {
	regression: 'regressions',
	failure: 'new failures',
	finding: 'with a finding',
	undecided: 'undecided',
	flaky: 'flaky',
	fix: 'fixed',
	backend: 'with another backend',
	prediction: 'predicted otherwise',
	runs: 'run now',
	stopped: 'skipped now',
	new: 'new',
	gone: 'gone',
};

function sideText({ qemus, hosts, runs, cells }: Comparison['before']): string {
	const qemu = qemus
		.map(({ name, version }) => `${version === null ? '' : `QEMU ${version} of `}${endOf(name)}`)
		.join(', ');
	const places = hosts.length > 3 ? counted(hosts.length, 'host') : hosts.map(host => host.place).join(', ');
	return `${qemu}; ${counted(cells, 'cell')}${runs > 1 ? ` of ${runs} runs` : ''} on ${places}`;
}

/** Shortens a path to its end, which distinguishes builds. */
const endOf = (name: string) => (name.length > 60 ? `.../${name.split('/').slice(-2).join('/')}` : name);

/** Describes a change with its cause, as a list item. */
export function groupItem(group: ChangeGroup, { isVerbose = false, folder, command, lines }: GroupOptions): ListItem {
	const { kind, where, cells, population, simulated } = group;
	const of = population > cells.length ? `${cells.length} of ${population} cells` : counted(cells.length, 'cell');
	const faked = simulated.length === 0 || !(isUrgent(group) || isVerbose) ? '' : `simulated: ${simulated.join(', ')}`;
	const mixed = Object.keys(group.outcome).length > 1 && kind !== 'prediction' && kind !== 'regression';
	const outcomes = Object.entries(group.outcome).map(([name, count]) => `${count} ${name}`);
	return {
		tag: kind,
		text: `${of}: ${causeOf(group)}`,
		...(isVerbose ? { more: cells.map(stableIdOf) } : { lines: isUrgent(group) ? (lines ?? 1) : 1 }),
		detail: [where, mixed ? outcomes.join(', ') : '', faked].filter(text => text !== '').join('; '),
		command: isUrgent(group) ? (command ?? commandFor(group, folder)) : undefined,
	};
}

export interface GroupOptions extends ComparisonOptions {
	/** A command that shows the change, instead of repeating its first cell. */
	readonly command?: readonly string[] | undefined;
	/** Lines for a regression; 1 if absent. */
	readonly lines?: number;
}

/** Describes a known finding by its number and its text, whatever the cell was before. */
function causeOf({ why, finding }: ChangeGroup): string {
	const known = finding === undefined ? -1 : why.indexOf(`finding ${finding}`);
	return known === -1 ? why : why.slice(known);
}

/** Lines for each regression, so that all fit a screen. */
export const linesForUrgent = (count: number) => (count > 3 ? 1 : 2);

/** The command that repeats the first of a group's cells. */
function commandFor({ cells, repro, qemu, place }: ChangeGroup, folder?: string): readonly string[] {
	if (folder !== undefined && repro !== undefined) return ['sh', `${folder.replace(/\/+$/, '')}/${repro}`];
	const on = place === 'local' || place.startsWith('ssh://') ? ['--on', place] : [];
	return ['npx', 'vpmu', 'run', '--cell', cells[0]!, ...(qemu === '' ? [] : ['--qemu', qemu]), ...on];
}

/** Says what is left out of a report. */
export function restOf(hidden: readonly ChangeGroup[]): Block {
	const kinds = Map.groupBy(hidden, group => group.kind);
	const told = [...kinds].map(([kind, groups]) => {
		const cells = groups.reduce((total, group) => total + group.cells.length, 0);
		return `${counted(cells, 'cell')} ${kindTitles[kind]}`;
	});
	return { kind: 'text', text: `And ${counted(hidden.length, 'more group')}, with --verbose: ${told.join('; ')}` };
}

/** Describes repeated measurements, and how many are missing. */
export function measurementItems(
	measurements: readonly MeasuredChange[],
	{ isVerbose }: ComparisonOptions,
): ListItem[] {
	const changed = measurements.filter(one => one.state === 'changed');
	const short = measurements.filter(one => one.state === 'not-enough' && one.changed.length === 0);
	const items: ListItem[] = changed.map(one => ({
		tag: 'measured',
		text: `${one.what} on ${one.place}: ${percent(one.ratio)} (median of ${counted(one.cells, 'cell')}; chance ${one.probability.toPrecision(2)})`,
		...(one.changed.length > 0
			? {
					detail: `changed by themselves: ${one.changed
						.slice(0, 3)
						.map(cell => `${stableIdOf(cell.id)} ${percent(cell.after / cell.before)}`)
						.join(', ')}`,
				}
			: {}),
	}));
	const needed = Math.max(0, ...short.map(one => one.needed ?? 0));
	const [least, most] = [
		Math.min(...short.map(one => Math.min(one.values.before, one.values.after))),
		Math.max(...short.map(one => Math.max(one.values.before, one.values.after))),
	];
	if (short.length > 0) {
		items.push({
			tag: 'measured',
			text: `not enough measurements for a verdict on boot times and counts: ${least === most ? least : `${least} to ${most}`} a side of ${needed}`,
			...(isVerbose === true
				? {
						more: short.map(
							one => `${one.what} on ${one.place}: ${percent(one.ratio)} in ${counted(one.cells, 'cell')}`,
						),
					}
				: {}),
		});
	}
	return items;
}

const percent = (ratio: number) => `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)} %`;
