import {
	type ChangeGroup,
	type Comparison,
	hasNothingInCommon,
	kindTitles,
	type MeasuredChange,
	stableIdOf,
} from '../../compare/index.ts';
import { counted } from '../../lib/text/counted.ts';
import type { Block, ListItem, ReportDocument } from '../document/blocks.ts';
import { programName } from '../words.ts';

export interface ComparisonOptions {
	/** List every cell and every measured quantity; otherwise the report fits a screen. */
	readonly isVerbose?: boolean;
	/** The folder of the run after, for commands that show a change; absent if it has none. */
	readonly folder?: string | undefined;
	/** Lines for each change that is wrong; by default as many as let all fit a screen. */
	readonly lines?: number | undefined;
	/** How many of the other changes, from the first, have more than one line, and how many lines these have; default 0 of 2. */
	readonly roomy?: number | undefined;
	readonly roomyLines?: number | undefined;
}

/** Number of groups shown without `--verbose`; regressions are always shown. */
const mostGroups = 5;

/** Regressions get more room; the first line has their total. */
const mostUrgent = 6;

/** Kinds of change that are wrong, or show something that is. They stand in every report. */
export const isUrgent = ({ kind }: ChangeGroup) =>
	kind === 'regression' || kind === 'failure' || kind === 'finding' || kind === 'exposed';

/** Makes a report of a comparison: the conclusion, changes by cause, measurements, and what could not be compared. */
export function comparisonDocument(comparison: Comparison, options: ComparisonOptions = {}): ReportDocument {
	const { before, after, groups, notes } = comparison;
	const shown = options.isVerbose === true ? groups : briefly(groups, mostGroups);
	const { lines = linesForUrgent(shown.filter(isUrgent).length), roomy = 0, roomyLines = 2 } = options;
	const others = shown.filter(group => !isUrgent(group));
	const linesOf = (group: ChangeGroup) => (isUrgent(group) ? lines : others.indexOf(group) < roomy ? roomyLines : 1);
	const nameOf = namesIn(comparison);
	const hidden = groups.filter(group => !shown.includes(group));
	const measured = measurementItems(comparison.measurements, options);
	return {
		title: headline(comparison),
		blocks: [
			{
				kind: 'table',
				head: ['', ''],
				rows: [
					['before', sideText(before, after, options)],
					['after', sideText(after, before, options)],
				],
			},
			...(shown.length === 0
				? []
				: [
						{
							kind: 'list' as const,
							items: shown.map(group => groupItem(group, { ...options, nameOf, lines: linesOf(group) })),
						},
					]),
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

/** Cells go by their stable ids, unless these are not unique. */
function namesIn({ before, after }: Comparison): (id: string) => string {
	const builds = ({ qemus }: Comparison['before']) => qemus.filter(({ name }) => name.startsWith('/')).length;
	return builds(before) > 1 || builds(after) > 1 ? id => id : stableIdOf;
}

/** `no regression, 3 fixed, 61 unchanged`. */
export function headline(comparison: Comparison): string {
	const { counts, regressions, same, sameFailing } = comparison;
	const told = Object.entries(counts)
		.filter(([kind, count]) => count > 0 && kind !== 'regression' && kind !== 'rule')
		.map(([kind, count]) => `${count} ${short[kind as keyof typeof counts]}`);
	const none = hasNothingInCommon(comparison) ? 'nothing compared' : 'no regression';
	const first = regressions === 0 ? none : counted(regressions, 'regression');
	const failing =
		sameFailing === 0 ? '' : ` (${sameFailing} of them ${sameFailing === 1 ? 'fails' : 'fail'} on both sides)`;
	// Another rule for the same backend changes nothing that a user of QEMU sees.
	return [first, ...told, `${same + counts.rule} unchanged${failing}`].join(', ');
}

const short: Readonly<Record<ChangeGroup['kind'], string>> = {
	regression: 'regressions',
	failure: 'new failures',
	finding: 'with a known finding',
	exposed: 'with an exposed finding',
	undecided: 'undecided',
	flaky: 'flaky',
	fix: 'fixed',
	backend: 'observed otherwise',
	prediction: 'predicted otherwise',
	runs: 'no longer skipped',
	stopped: 'skipped now',
	new: 'new',
	gone: 'gone',
	rule: 'by another rule',
};

function sideText(
	{ qemus, hosts, runs, cells }: Comparison['before'],
	other: Comparison['before'],
	{ isVerbose }: ComparisonOptions,
): string {
	// Builds of one version may differ in it, and nothing else tells them apart for a reader.
	const choices = new Set([...qemus, ...other.qemus].map(({ hasPmuChoice }) => hasPmuChoice));
	const choice = (has: boolean | undefined) =>
		has === undefined || choices.size === 1 ? '' : ` ${has ? 'with' : 'without'} the PMU choice`;
	const qemu = qemus
		.map(({ name, version, hasPmuChoice }) => {
			const program = isVerbose === true ? name : programName(name);
			return version === null ? program : `QEMU ${version}${choice(hasPmuChoice)} (${program})`;
		})
		.join(', ');
	const places = hosts.length > 3 ? counted(hosts.length, 'host') : hosts.map(host => host.place).join(', ');
	return `${qemu}; ${counted(cells, 'cell')}${runs > 1 ? ` of ${runs} runs` : ''} on ${places}`;
}

/** Describes a change with its cause, as a list item. */
export function groupItem(group: ChangeGroup, options: GroupOptions): ListItem {
	const { isVerbose = false, folder, command, lines = 1, nameOf = stableIdOf } = options;
	const { kind, where, cells, population, simulated } = group;
	const of = population > cells.length ? `${cells.length} of ${population} cells` : counted(cells.length, 'cell');
	const which = cells.length === 1 ? nameOf(cells[0]!) : `${of}${where === '' ? '' : ` ${where}`}`;
	const faked = simulated.length === 0 || !(isUrgent(group) || isVerbose) ? '' : `simulated: ${simulated.join(', ')}`;
	const mixed = Object.keys(group.outcome).length > 1 && kind !== 'prediction' && kind !== 'regression';
	const outcomes = Object.entries(group.outcome).map(([name, count]) => `${count} ${name}`);
	return {
		tag: kind,
		text: `${which}: ${causeOf(group)}`,
		...(isVerbose ? { more: cells.length === 1 ? [] : cells.map(nameOf) } : { lines }),
		detail: [mixed ? `now ${outcomes.join(', ')}` : '', faked].filter(text => text !== '').join('; '),
		command: isUrgent(group) ? (command ?? commandFor(group, folder)) : undefined,
	};
}

export interface GroupOptions extends ComparisonOptions {
	/** A command that shows the change, instead of repeating its first cell. */
	readonly command?: readonly string[] | undefined;
	/** Lines for this change; default 1. */
	readonly lines?: number | undefined;
	/** Names a cell by its id; by default {@link stableIdOf}. */
	readonly nameOf?: (id: string) => string;
}

/** Describes a known finding by its number and its text, whatever the cell was before. */
function causeOf({ kind, why, finding }: ChangeGroup): string {
	const known = finding === undefined ? -1 : why.indexOf(`finding ${finding}`);
	if (known === -1) return why;
	// The word stands before it as the kind of change.
	return why.slice(kind === 'finding' || kind === 'exposed' ? known + 'finding '.length : known);
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
			text: `comparing boot times and counts takes ${needed} runs a side (--before, --after); there ${most === 1 ? 'is 1' : `are ${least === most ? least : `${least} to ${most}`}`}`,
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
