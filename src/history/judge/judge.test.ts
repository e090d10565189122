import test from 'ava';
import type { CellSketch } from '../../compare/testing/cells.ts';
import { htmlFrom, markdownFrom, textOf } from '../../report/index.ts';
import type { Results } from '../../run/index.ts';
import type { PastCell } from '../store/read.ts';
import { cellsDocument } from '../tell/cells.ts';
import { nightDocument } from '../tell/report.ts';
import { changedText, linksTo } from '../tell/words.ts';
import { nights, noisy } from '../testing/nights.ts';
import { cellHistories } from './cells.ts';
import { driftsIn } from './drift.ts';
import { newsOf } from './news.ts';
import { nightReport } from './report.ts';
import { onsetOf, trendTest } from './trend.ts';

/** As the store returns them. */
const pastOf = (runs: readonly Results[]): PastCell[] =>
	runs.flatMap(({ run, cells }) => {
		const past = {
			id: run.id,
			started: Date.parse(run.startedAt),
			folder: `/ci/${run.id}`,
			vpmu: '0',
			machine: 'builder',
			revision: null,
		};
		return cells.map(cell => ({
			...{
				run: past,
				id: cell.id,
				cell: cell.id,
				case: cell.case,
				place: cell.on.host!,
				status: cell.status,
				reason: cell.reason,
			},
			...{ flaky: cell.flaky === true, totalMs: null, bootMs: cell.timings.shellMs, qemu: cell.qemu.version },
			...{ guestKernel: '6.12.48', hostKernel: cell.on.kernel },
		}));
	});

const qemu = (version: string) => ({ qemu: { version, path: 'debian:trixie', hasPmuChoice: false } });

/** 14 nights of ten cells: one broke on the 9th, one tonight, one is flaky, and one board boots slower from the 6th. */
const fortnight = nights(14, night =>
	Array.from({ length: 20 }, (_, cell): CellSketch => {
		const bad = (reason: string) => ({ status: 'fail' as const, reason });
		const slow = cell >= 10 ? 1 + 0.03 * Math.max(0, night - 5) : 1;
		return {
			...{ name: `pmu/c${cell}`, place: cell < 10 ? 'uniform' : 'biglittle' },
			bootMs: noisy(1000 * (1 + cell) * slow, night, cell),
			more: qemu(night < 9 ? '10.1.0' : '10.1.50'),
			...(cell === 2 && night >= 9 ? bad('the guest has no event cycles') : {}),
			...(cell === 3 && night === 14 ? bad('the PMU is gone | <4>[ 1.0] a line | another') : {}),
			...(cell === 4 && [4, 8, 9, 12].includes(night) ? bad('N/2N is 1.2') : {}),
			...(cell === 5 && night === 7 ? bad('fixed the next day') : {}),
		};
	}),
);

const report = nightReport(pastOf(fortnight), Date.UTC(2026, 10, 1));
const ids = (cells: readonly { readonly id: string }[]) => cells.map(({ id }) => id.replace(/\[.*/, ''));

test('14 nights: the regression, the failure of tonight, the flaky cell and the drift, each with its first night', t => {
	t.deepEqual(ids(report.fresh), ['pmu/c3']);
	t.like(report.fresh[0], { firstBad: { run: { id: 'night-14' } }, lastGood: { run: { id: 'night-13' } } });
	t.deepEqual(ids(report.red), ['pmu/c2']);
	t.like(report.red[0], {
		firstBad: { run: { id: 'night-9' }, qemu: '10.1.50' },
		lastGood: { run: { id: 'night-8' }, qemu: '10.1.0' },
	});
	t.deepEqual(ids(report.flaky), ['pmu/c4']);
	t.like(report.flaky[0]!.flaky, { wrong: 4, of: 14, since: { run: { id: 'night-4' } } });
	t.is(report.drifts.length, 1);
	const [drift] = report.drifts;
	t.like(drift, { place: 'board:biglittle', machine: 'builder', form: 'drift', runs: 14 });
	t.is(drift!.cells.length, 10);
	// The first nights of a slow drift are within the noise.
	t.true(['night-5', 'night-6', 'night-7'].includes(drift!.first.run.id), drift!.first.run.id);
	t.true(Math.abs(drift!.ratio - 1.27) < 0.04, String(drift!.ratio));
	t.deepEqual([report.short, report.lost, report.absent, report.fixed], [null, [], [], []]);
});

test('the report names each in text, Markdown and HTML, with links into the run folders', t => {
	const document = nightDocument(report, '/ci');
	t.is(document.title, '1 new tonight, 1 red before, 1 flaky, 1 boot time changed');
	const text = textOf(document, 200);
	t.regex(text, /\nnew: since 2026-11-14: pmu\/c3\[.*\]: the PMU is gone\n/);
	t.regex(text, /\nred for 6 nights: since 2026-11-09: pmu\/c2\[.*\]: the guest has no event cycles\n/);
	t.regex(text, /last good: run night-8 of 2026-11-08 02:00 UTC, QEMU 10\.1\.0,[^;]*;\s+first bad: run night-9/);
	t.regex(text, /QEMU changed from 10\.1\.0 to 10\.1\.50\n/);
	t.regex(text, /\$ npx vpmu report night-14\n/);
	t.regex(text, /\nflaky: since 2026-11-04: pmu\/c4\[.*\]: wrong in 4 of 14 \(29 %\)\n/);
	t.regex(
		text,
		/\nslower: since 2026-11-0[567]: 10 cells on board:biglittle: boot time \+2\d\.\d % so far, and goes on\n/,
	);
	const page = htmlFrom(document);
	t.true(page.includes('<a href="./night-14/report.html#cell=pmu%2Fc2%5Buniform'), page);
	t.regex(markdownFrom(document), /\[report of 2026-11-14\]\(<\.\/night-14\/report\.html#cell=pmu%2Fc2%5B/);
	t.true(htmlFrom(nightDocument(report, '/else')).includes('href="file:///ci/night-14/report.html#'));
});

test('noise, one slow night and one failure that ended are nothing to report', t => {
	const quiet = nightReport(
		pastOf(
			nights(14, night =>
				Array.from({ length: 10 }, (_, cell) => ({
					...{ name: `pmu/c${cell}`, bootMs: noisy(1000, night, cell) * (night === 11 ? 5 : 1) },
					...(cell === 5 && night === 7 ? { status: 'fail' as const } : {}),
				})),
			),
		),
		0,
	);
	t.is(nightDocument(quiet, '/').title, 'nothing new tonight');
});

test('how long a cell is red is looked up before the window, and errors end nothing', t => {
	const past = pastOf(
		nights(14, night => [
			{ status: night < 3 ? 'pass' : night % 4 === 0 ? 'error' : 'fail' },
			{ name: 'pmu/b', status: night < 14 ? 'fail' : 'pass' },
			{ name: 'pmu/c', bootMs: 1000 },
			...(night < 14 ? [{ name: 'pmu/gone' }] : []),
		]),
	);
	const found = nightReport(past, Date.UTC(2026, 10, 10));
	t.like(found.red[0], { firstBad: { run: { id: 'night-3' } }, lastGood: { run: { id: 'night-2' } } });
	t.deepEqual([ids(found.fixed), ids(found.absent), ids(found.lost)], [['pmu/b'], ['pmu/gone'], []]);
	t.deepEqual(found.short, { places: 1, runs: 5, needed: 8 });
});

test('a cell that an interrupt took tonight has no verdict tonight, and is not a skipped one', t => {
	const past = pastOf(
		nights(2, night => [
			...[{ name: 'pmu/a' }, { name: 'pmu/b', status: 'skip' as const, reason: 'needs two PMUs' }],
			...['pmu/c', 'pmu/d'].map(name =>
				night === 1 ? { name } : { name, status: 'skip' as const, reason: 'interrupted before it ran' },
			),
		]),
	);
	const found = nightReport(past, 0);
	t.deepEqual(
		found.lost.map(one => one.case),
		['pmu/c', 'pmu/d'],
	);
	const text = textOf(nightDocument(found, '/ci'), 100);
	t.regex(text, /^nothing new tonight, 2 without a verdict\n/);
	t.regex(text, /\nNo verdict tonight\n- 2 cells: interrupted before it ran\n {4}- pmu\/c\[/);
	t.deepEqual(
		newsOf(past, 'night-2')!.lost.map(one => one.case),
		['pmu/c', 'pmu/d'],
	);
	const own = cellHistories(past.filter(one => one.case === 'pmu/c'));
	t.regex(textOf(cellsDocument(own, { name: 'pmu/c', from: '/ci' }), 100), /\nlast +interrupted: .*\nverdicts +\.E /s);
	const only = cellHistories(past.filter(one => one.run.id === 'night-2'));
	t.regex(textOf(cellsDocument(only, { from: '/ci' }), 100), /\ninterrupted +1 .*\nAlways skipped: 1 cell\.\n/s);
});

test('tables of cells name builds briefly, with their paths below; builds of one name keep their paths', t => {
	const root = (build: string) => `/root/.cache/vpmu/roots/${build}/qemu-system-aarch64`;
	const tableOf = (...builds: readonly string[]) => {
		const past = pastOf(nights(1, () => builds.map(qemu => ({ qemu }))));
		return textOf(cellsDocument(cellHistories(past), { from: '/ci' }), 100);
	};
	const text = tableOf(root('built-a'), root('built-b'));
	t.regex(text, /\npass .* {2}\[uniform,built-a,virt\]\npass .* {2}\[uniform,built-b,virt\]\n/);
	t.regex(text, /\nBuilds\nbuilt-a +\/root\/\S+\/built-a\/qemu-system-aarch64\nbuilt-b +\/root\S+\n$/);
	const alike = ['/one', '/two'].map(from => `${from}${root('built-a')}`);
	t.regex(tableOf(...alike), /\[uniform,\/one\/root\S+,virt\]\n.*\[uniform,\/two\/root\S+,virt\]\n$/s);
	t.notRegex(tableOf('/one/qemu', '/two/qemu'), /Builds/, 'a short path is its own name');
});

test('a retry that passed makes a cell flaky; a cell that never passed is not', t => {
	const [a, b] = cellHistories(
		pastOf(
			nights(5, night => [
				{ name: 'pmu/a', more: night === 2 ? { flaky: true } : {} },
				{ name: 'pmu/b', status: 'fail' },
			]),
		),
	);
	t.like(a!.flaky, { wrong: 1, of: 5, since: { run: { id: 'night-2' } } });
	t.is(b!.flaky, null);
	t.like(b, { lastGood: null, firstBad: { run: { id: 'night-1' } } });
});

test('a build of QEMU that always fails makes no cell flaky, and a change of the build is told', t => {
	const [cell] = cellHistories(
		pastOf(
			nights(9, night => [
				{ qemu: night % 2 === 0 ? '/broken/qemu' : '/good/qemu', status: night % 2 === 0 ? 'fail' : 'pass' },
			]),
		).map(one => ({ ...one, id: 'pmu/a[uniform,virt]' })),
	);
	t.is(cell!.flaky, null);
	t.like(cell, { firstBad: null, lastGood: { run: { id: 'night-9' } } });
	const [rebuilt] = cellHistories(
		pastOf(nights(9, night => [{ qemu: `/build-${night}/qemu`, status: night % 2 === 0 ? 'fail' : 'pass' }])).map(
			one => ({ ...one, id: 'pmu/a[uniform,virt]' }),
		),
	);
	t.like(rebuilt!.flaky, { wrong: 4, of: 9 });
	t.is(
		changedText(rebuilt!.results[0]!, rebuilt!.results[1]!),
		'another build of QEMU (/build-1/qemu, then /build-2/qemu)',
	);
	t.is(changedText(cell!.results[0]!, cell!.results[2]!), 'same versions');
	const [link] = linksTo(rebuilt!.results[1]!, '/ci');
	t.is(link!.href, './night-2/report.html#cell=pmu%2Fa%5Buniform%2C%2Fbuild-2%2Fqemu%2Cvirt%5D');
});

test('one cell that drifts by itself is named; a step is told apart', t => {
	const runs = (slow: (night: number, cell: number) => number) =>
		pastOf(
			nights(20, night =>
				Array.from({ length: 8 }, (_, cell) => ({
					...{ name: `pmu/c${cell}`, bootMs: noisy(1000, night, cell) * slow(night, cell) },
				})),
			),
		);
	const [one, ...others] = driftsIn(
		runs((night, cell) => (cell === 3 && night > 8 ? 1 + 0.05 * (night - 8) : 1)),
	).drifts;
	t.is(others.length, 0);
	t.deepEqual(one!.cells, ['pmu/c3[uniform,debian:trixie,virt]']);
	const [step] = driftsIn(runs(night => (night > 10 ? 1.4 : 1))).drifts;
	t.like(step, { form: 'step', before: { run: { id: 'night-10' } }, first: { run: { id: 'night-11' } } });
	t.is(step!.ratio.toFixed(1), '1.4');
});

test("the trend test agrees with Kendall's exact distribution, and needs eight values", t => {
	t.is(trendTest([1, 2, 3, 4, 5, 6, 7]), 1);
	t.is(trendTest(new Array(20).fill(3)), 1);
	// Ten values in order: exactly 2/10!; the approximation is larger, which is safe.
	const ordered = trendTest([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
	t.true(ordered > 2 / 3_628_800 && ordered < 2e-4, String(ordered));
	// S = 16 of n = 8: exactly 0.031 on each side (Kendall 1975, table 1).
	const values = [1, 2, 3, 4, 8, 7, 6, 5].map(value => value * 10);
	t.true(Math.abs(trendTest(values) - 0.062) < 0.005, String(trendTest(values)));
	t.deepEqual(onsetOf([1, 1, 1]), undefined);
	t.like(onsetOf([1, 1, 1, 1, 2, 3, 4, 5]), { at: 4, form: 'drift', ratio: 5 });
});

const hostile = [...['<script>alert(1)</script>', ']]>', '\u001b[31m', '\u202e', '](javascript:x)'], '"><img src=x>'];

test('names, reasons and folders of anybody act in no format', t => {
	for (const evil of [...hostile, 'x'.repeat(1_000_000)]) {
		const past = pastOf(nights(3, night => [{ name: evil, status: night === 3 ? 'fail' : 'pass', reason: evil }])).map(
			one => ({ ...one, qemu: evil, run: { ...one.run, folder: `/ci/${evil}`, id: evil + one.run.id, machine: evil } }),
		);
		const documents = [
			nightDocument(nightReport(past, 0), '/ci'),
			...[undefined, evil].map(name => cellsDocument(cellHistories(past), { name, from: '/else' })),
		];
		for (const document of documents) {
			t.notRegex(textOf(document, 100), /[^\P{C}\n]/u);
			const page = htmlFrom(document);
			t.notRegex(page, /<script|<img|[^\P{C}\n]|href="(?!\.\/|file:\/\/\/)/u);
			t.notRegex(markdownFrom(document).replaceAll(/`[^`\n]*`/g, ''), /(?<!\\)\]\((?!<(\.\/|file:\/\/\/))|[^\P{C}\n]/u);
			t.true(page.length < 200_000);
		}
	}
});
