import { type ChangeGroup, type Comparison, counted, kindTitles, type MeasuredChange } from '../../compare/index.ts';
import type { Block, ListItem, ReportDocument } from '../document/blocks.ts';

export interface ComparisonOptions {
	/** Lists every cell and every measured quantity; without, a report fits a screen. */
	readonly isVerbose?: boolean;
	/** The folder of the run after, for commands that show a change; absent where it has none. */
	readonly folder?: string | undefined;
}

/** Groups that are shown without `--verbose`; what is wrong is always shown. */
const mostGroups = 8;

const isUrgent = ({ kind }: ChangeGroup) => kind === 'regression' || kind === 'failure' || kind === 'finding';

/** A comparison as a report: what it means, what changed by cause, what was measured, what could not be compared. */
export function comparisonDocument(comparison: Comparison, options: ComparisonOptions = {}): ReportDocument {
	const { before, after, groups, notes } = comparison;
	const shown = options.isVerbose === true ? groups : groups.filter((group, at) => isUrgent(group) || at < mostGroups);
	const hidden = groups.slice(shown.length);
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
			...(shown.length === 0 ? [] : [{ kind: 'list' as const, items: shown.map(group => groupItem(group, options)) }]),
			...(hidden.length === 0 ? [] : [restOf(hidden)]),
			...measurementBlocks(comparison.measurements, options),
			...(notes.length === 0 ? [] : [{ kind: 'list' as const, items: notes.map(text => ({ tag: 'note', text })) }]),
		],
	};
}

/** `No regression: 3 cells got better, 61 cells same`. */
export function headline({ counts, regressions, same, sameFailing }: Comparison): string {
	const told = Object.entries(counts)
		.filter(([kind, count]) => count > 0 && kind !== 'regression')
		.map(([kind, count]) => `${count} ${short[kind as keyof typeof counts]}`);
	const first = regressions === 0 ? 'No regression' : counted(regressions, 'regression');
	const failing =
		sameFailing === 0 ? '' : ` (${sameFailing} of them ${sameFailing === 1 ? 'fails' : 'fail'} on both sides)`;
	return `${first}; ${[...told, `${same} unchanged${failing}`].join(', ')}`;
}

const short: Readonly<Record<ChangeGroup['kind'], string>> = {
	regression: 'regressions',
	failure: 'failing without a verdict before',
	finding: 'with a known finding',
	undecided: 'undecided',
	flaky: 'flaky',
	fix: 'fixed',
	backend: 'with another backend',
	prediction: 'with another prediction',
	runs: 'that run now and pass',
	stopped: 'skipped now',
	new: 'new',
	gone: 'gone',
};

function sideText({ qemus, hosts, runs, cells }: Comparison['before']): string {
	const qemu = qemus.map(({ name, version }) => (version === null ? name : `QEMU ${version} (${name})`)).join(', ');
	const kernels = [...new Set(hosts.flatMap(host => host.kernels))];
	const kernel = kernels.length === 0 ? '' : `; Linux ${kernels.join(', ')}`;
	return `${qemu}; ${counted(cells, 'cell')}${runs > 1 ? ` of ${runs} runs` : ''} on ${hosts.map(host => host.place).join(', ')}${kernel}`;
}

/** One change with its cause, as an item of a list. */
export function groupItem(group: ChangeGroup, { isVerbose, folder }: ComparisonOptions): ListItem {
	const { kind, why, where, cells, population, repro, simulated } = group;
	const of = population > cells.length ? ` (of ${population} there)` : '';
	const simulatedText = simulated.length === 0 ? '' : `simulated: ${simulated.join(', ')}`;
	const mixed = Object.keys(group.outcome).length > 1 && kind !== 'prediction' && kind !== 'regression';
	const outcome = mixed
		? Object.entries(group.outcome)
				.map(([name, count]) => `${count} ${name}`)
				.join(', ')
		: '';
	return {
		tag: kind,
		text: `${counted(cells.length, 'cell')}${of}: ${why}`,
		detail: [where, outcome, simulatedText].filter(text => text !== '').join('; '),
		command: isUrgent(group) ? commandFor(group.cells[0]!, folder, repro) : undefined,
		...(isVerbose === true ? { more: cells } : {}),
	};
}

/** The command that runs a cell again. */
export function commandFor(id: string, folder?: string, repro?: string): readonly string[] {
	if (folder !== undefined && repro !== undefined) return ['sh', `${folder.replace(/\/+$/, '')}/${repro}`];
	return ['npx', 'vpmu', 'run', '--cell', id];
}

function restOf(hidden: readonly ChangeGroup[]): Block {
	const kinds = Map.groupBy(hidden, group => group.kind);
	const told = [...kinds].map(([kind, groups]) => {
		const cells = groups.reduce((total, group) => total + group.cells.length, 0);
		return `${counted(cells, 'cell')} ${kindTitles[kind]}`;
	});
	return { kind: 'text', text: `And ${counted(hidden.length, 'more group')}, with --verbose: ${told.join('; ')}` };
}

function measurementBlocks(measurements: readonly MeasuredChange[], { isVerbose }: ComparisonOptions): Block[] {
	const changed = measurements.filter(one => one.state === 'changed');
	const short = measurements.filter(one => one.state === 'not-enough' && one.changed.length === 0);
	const items: ListItem[] = changed.map(one => ({
		tag: 'measured',
		text: `${one.what} on ${one.place}: ${percent(one.ratio)} (median of ${counted(one.cells, 'cell')}; chance ${one.probability.toPrecision(2)})`,
		...(one.changed.length > 0
			? {
					detail: `changed by themselves: ${one.changed
						.slice(0, 3)
						.map(cell => `${cell.id} ${percent(cell.after / cell.before)}`)
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
			text: `not enough measurements for a verdict on boot times and counts: ${least === most ? least : `${least} to ${most}`} on each side, ${needed} are needed`,
			...(isVerbose === true
				? {
						more: short.map(
							one => `${one.what} on ${one.place}: ${percent(one.ratio)} in ${counted(one.cells, 'cell')}`,
						),
					}
				: {}),
		});
	}
	return items.length === 0 ? [] : [{ kind: 'list', items }];
}

const percent = (ratio: number) => `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)} %`;
