import path from 'node:path';
import { buildOf } from '../../compare/index.ts';
import { formatDuration } from '../../lib/index.ts';
import { type Link, programName } from '../../report/index.ts';
import { cellFolder, isLost } from '../../run/index.ts';
import { type CellHistory, isBad, isGood, type Spread } from '../judge/cells.ts';
import type { PastCell, PastRun } from '../store/read.ts';

/** `2026-11-20 02:00 UTC`. */
export function momentText(moment: number): string {
	return `${new Date(moment).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** `2026-11-20`: the night of a run. */
export const nightText = ({ started }: PastRun): string => new Date(started).toISOString().slice(0, 10);

/** `12.1 s (11.8 s to 12.9 s)`: the median and where the middle half lies. */
export function spreadText(spread: Spread | null): string {
	if (spread === null) return '-';
	const { count, median, low, high } = spread;
	return count === 1
		? formatDuration(median)
		: `${formatDuration(median)} (${formatDuration(low)} to ${formatDuration(high)})`;
}

/** Why a result is what it is, in one sentence, without the lines of logs that it quotes; empty if no reason is known. */
export const reasonText = ({ reason }: PastCell): string => reason?.split(' | ')[0] ?? '';

/** `3 of 14 (21 %)`. */
export function rateText({ flaky }: Pick<CellHistory, 'flaky'>): string {
	if (flaky === null) return '-';
	return `${flaky.wrong} of ${flaky.of} (${Math.round((100 * flaky.wrong) / flaky.of)} %)`;
}

/** `run ID of 2026-11-20 02:00 UTC, commit 1234abcd, QEMU 10.1.0, guest 6.12.48, host 6.12.48`. */
export function resultText({ run, qemu, guestKernel, hostKernel }: PastCell): string {
	return [
		`run ${run.id} of ${momentText(run.started)}`,
		...(run.revision === null ? [] : [`commit ${run.revision}`]),
		...(qemu === null ? [] : [`QEMU ${qemu}`]),
		...(guestKernel === null ? [] : [`guest kernel ${guestKernel}`]),
		...(hostKernel === null ? [] : [`host kernel ${hostKernel}`]),
	].join(', ');
}

/** The first bad and the last good run, and what changed between them. */
export function boundsText({ firstBad, lastGood }: Pick<CellHistory, 'firstBad' | 'lastGood'>): string {
	if (firstBad === null) return '';
	if (lastGood === null) return `first bad: ${resultText(firstBad)}; no good run is known`;
	return `last good: ${resultText(lastGood)}; first bad: ${resultText(firstBad)}; ${changedText(lastGood, firstBad)}`;
}

/** `QEMU changed from 10.1.0 to 10.1.50`, `another build of QEMU (a, then b)`, or `same versions`. */
export function changedText(before: PastCell, after: PastCell): string {
	const versions = [
		['commit', before.run.revision, after.run.revision],
		['QEMU', before.qemu, after.qemu],
		['guest kernel', before.guestKernel, after.guestKernel],
		['host kernel', before.hostKernel, after.hostKernel],
	] as const;
	const changed = versions
		.filter(([, was, is]) => was !== null && is !== null && was !== is)
		.map(([what, was, is]) => `${what} changed from ${was} to ${is}`);
	const [was, is] = [buildOf(before.cell), buildOf(after.cell)];
	if (before.qemu === after.qemu && was !== undefined && is !== undefined && was !== is) {
		changed.unshift(`another build of QEMU (${programName(was)}, then ${programName(is)})`);
	}
	return changed.length === 0 ? 'same versions' : changed.join(', ');
}

const marks = '▁▂▃▄▅▆▇█';

/** A folder as it is typed in `from`: relative only if it is below. */
export function folderText(folder: string, from: string): string {
	const relative = path.relative(from, folder) || '.';
	return relative.startsWith('..') ? folder : relative;
}

/** Values as bars, from the least to the greatest. */
export function bars(values: readonly number[]): string {
	const [least, most] = [Math.min(...values), Math.max(...values)];
	const step = (most - least) / (marks.length - 1);
	return values.map(value => marks[step === 0 ? 0 : Math.round((value - least) / step)]).join('');
}

/** Verdicts as characters, oldest first: `.` good, `r` good after a retry, `F` bad, `E` no verdict, `-` skipped. */
export function verdictsText(results: readonly PastCell[]): string {
	return results
		.map(one => (isBad(one) ? 'F' : isGood(one) ? (one.flaky ? 'r' : '.') : isLost(one) ? 'E' : '-'))
		.join('');
}

/**
 * Makes links to a cell in a run folder: its page in the report, and its files. Relative to `from` for folders below it.
 */
export function linksTo({ run, cell }: PastCell, from: string): Link[] {
	const report = `${addressOf(path.join(run.folder, 'report.html'), from)}#${new URLSearchParams({ cell })}`;
	return [
		{ text: `report of ${nightText(run)}`, href: report },
		{ text: 'files', href: `${addressOf(path.join(run.folder, cellFolder(cell)), from)}/` },
	];
}

function addressOf(target: string, from: string): string {
	const relative = path.relative(from, target);
	const isBelow = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
	const names = (isBelow ? `./${relative}` : target).split('/').map(name => encodeURIComponent(name.toWellFormed()));
	return `${isBelow ? '' : 'file://'}${names.join('/')}`;
}
