import { counted } from '../../lib/text/counted.ts';
import type { Block, ListItem, ReportDocument } from '../../report/index.ts';
import type { CellHistory } from '../judge/cells.ts';
import type { Drift } from '../judge/drift.ts';
import { type NightReport, nightsRed } from '../judge/report.ts';
import { section } from './section.ts';
import {
	boundsText,
	changedText,
	folderText,
	linksTo,
	momentText,
	nightText,
	rateText,
	reasonText,
	resultText,
} from './words.ts';

/** Makes the report of the nights. `from` is the folder that links are relative to. */
export function nightDocument(report: NightReport, from: string): ReportDocument {
	const { fresh, red, fixed, flaky, drifts, short, lost, absent, runs, tonight, since, cells } = report;
	if (runs.length === 0) {
		return {
			title: `no run since ${momentText(since)}`,
			blocks: [{ kind: 'text', text: "'vpmu run' and 'vpmu history import RUN...' fill the history." }],
		};
	}
	return {
		title: headlineOf(report),
		blocks: [
			{
				kind: 'table',
				head: ['', ''],
				rows: [
					['since', `${momentText(since)}: ${counted(runs.length, 'run')}, ${counted(cells, 'cell')}`],
					['tonight', tonight.map(run => `${run.id} (${momentText(run.started)})`).join(', ')],
				],
			},
			...section(
				'New tonight',
				fresh.map(one => failureItem(one, from, 'new')),
			),
			...section(
				'Red',
				red.map(one => failureItem(one, from, redText(one))),
			),
			...section(
				'Flaky',
				flaky.map(one => flakyItem(one, from)),
			),
			...section('Boot time', drifts.map(driftItem)),
			...section(
				'Fixed tonight',
				fixed.map(one => ({
					tag: 'fixed',
					text: one.id,
					detail: resultText(one.fixed!),
					links: linksTo(one.last, from),
				})),
			),
			...section('No verdict tonight', lostItems(lost)),
			...(absent.length === 0 ? [] : [absentBlock(absent)]),
			...(short === null
				? []
				: [
						{
							kind: 'text' as const,
							text: `Too few runs for a verdict on boot times of ${counted(short.places, 'host')}: ${short.runs} of ${short.needed}.`,
						},
					]),
		],
	};
}

/** `1 new tonight, 2 red, 1 flaky, 1 boot time changed`. */
function headlineOf({ fresh, red, flaky, drifts, fixed, lost }: NightReport): string {
	const told = [
		...(red.length === 0 ? [] : [`${red.length} red before`]),
		...(flaky.length === 0 ? [] : [`${flaky.length} flaky`]),
		...(drifts.length === 0 ? [] : [`${counted(drifts.length, 'boot time')} changed`]),
		...(fixed.length === 0 ? [] : [`${fixed.length} fixed`]),
		...(lost.length === 0 ? [] : [`${lost.length} without a verdict`]),
	];
	return [fresh.length === 0 ? 'nothing new tonight' : `${fresh.length} new tonight`, ...told].join(', ');
}

const named = ({ id, last }: CellHistory) => (last.reason === null ? id : `${id}: ${reasonText(last)}`);

const redText = (one: CellHistory) => `red for ${counted(nightsRed(one), 'night')}`;

function failureItem(one: CellHistory, from: string, tag: string): ListItem {
	const { last, firstBad } = one;
	return {
		...{ tag, text: `since ${nightText(firstBad!.run)}: ${named(one)}`, detail: boundsText(one) },
		links: linksTo(last, from),
		command: ['npx', 'vpmu', 'report', folderText(last.run.folder, from)],
	};
}

function flakyItem(one: CellHistory, from: string): ListItem {
	const { since } = one.flaky!;
	const now = one.firstBad === null ? '' : `; failing now since ${nightText(one.firstBad.run)}`;
	return {
		...{ tag: 'flaky', text: `since ${nightText(since.run)}: ${one.id}: wrong in ${rateText(one)}${now}` },
		detail: `first: ${resultText(since)}${since.reason === null ? '' : `: ${reasonText(since)}`}`,
		links: linksTo(since, from),
	};
}

/** `slower since 2026-11-20: ...`. */
function driftItem({ place, machine, cells, form, before, first, ratio, probability, runs }: Drift): ListItem {
	const percent = `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)} %`;
	const what = cells.length === 1 ? cells[0]! : `${counted(cells.length, 'cell')} on ${place}`;
	const how = form === 'drift' ? 'so far, and goes on' : 'since then, and stays';
	return {
		tag: ratio >= 1 ? 'slower' : 'faster',
		text: `since ${nightText(first.run)}: ${what}: boot time ${percent} ${how}`,
		detail: `${counted(runs, 'run')}${machine === '' ? '' : ` on ${machine}`}, first off the level: run ${first.run.id}, ${changedText(before, first)}; chance ${probability.toPrecision(2)}`,
	};
}

/** Cells without a verdict, by reason: whatever hid one often hid many. */
function lostItems(lost: readonly CellHistory[]): ListItem[] {
	return [...Map.groupBy(lost, ({ last }) => reasonText(last) || 'no reason is known')].map(([reason, cells]) => ({
		...{
			tag: cells[0]!.last.status === 'error' ? 'error' : undefined,
			text: `${counted(cells.length, 'cell')}: ${reason}`,
		},
		more: [...cells.slice(0, mostNames).map(({ id }) => id), ...(cells.length > mostNames ? ['...'] : [])],
	}));
}

/** Cells named of a group; `--format json` has all. */
const mostNames = 5;

function absentBlock(absent: readonly CellHistory[]): Block {
	const names = absent.slice(0, mostNames).map(({ id }) => id);
	const rest = absent.length > names.length ? ', ...' : '';
	return { kind: 'text', text: `Not run tonight: ${counted(absent.length, 'cell')} (${names.join(', ')}${rest}).` };
}
