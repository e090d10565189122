import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { type CellSketch, runOf } from '../../../src/compare/testing/cells.ts';
import { main } from '../../main.ts';
import { remember } from '../../run/remember.ts';
import { contextOf } from '../../usage/context.ts';
import { completions } from '../application.ts';
import { commands } from '../index.ts';
import { parseSince } from './since.ts';

function newFolder(t: ExecutionContext) {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const env = { ...process.env, VPMU_CACHE: path.join(folder, 'cache'), VPMU_STATE: path.join(folder, 'state') };
	const world = (streams: { stdout: PassThrough; stderr: PassThrough }) => ({
		...{ stdin: new PassThrough(), ...streams, cwd: folder, signal: new AbortController().signal, env },
	});
	/** Runs a command line in this process. */
	const vpmu = async (...argv: string[]) => {
		const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
		const status = await main(argv, world(streams));
		return { status, stdout: String(streams.stdout.read() ?? ''), stderr: String(streams.stderr.read() ?? '') };
	};
	/** Writes a run folder; its run started so many hours ago. */
	const write = (id: string, hoursAgo: number, ...cells: readonly CellSketch[]) => {
		const made = runOf(...cells);
		const startedAt = new Date(Date.now() - hoursAgo * 3_600_000).toISOString();
		mkdirSync(path.join(folder, id), { recursive: true });
		writeFileSync(
			path.join(folder, id, 'results.json'),
			JSON.stringify({ ...made, run: { ...made.run, id, startedAt } }),
		);
	};
	return { folder, env, vpmu, write, world };
}

test('imported runs are listed by cell, in detail by case, and reported by night', async t => {
	const { vpmu, write } = newFolder(t);
	t.regex((await vpmu('history')).stdout, /^the history is empty\n/);
	t.regex((await vpmu('history', 'report')).stdout, /^no run since /);
	write('one', 60, { bootMs: 1000 }, { name: 'pmu/b', bootMs: 900 });
	write('two', 30, { bootMs: 1200 }, { name: 'pmu/b', status: 'fail', reason: 'no cycles' });
	write('three', 5, { status: 'fail', reason: 'it broke' }, { name: 'pmu/b', status: 'fail', reason: 'no cycles' });
	const imported = await vpmu('history', 'import', 'three', 'one', 'two');
	t.deepEqual(imported, {
		...{ status: 0, stderr: '' },
		stdout: 'three: run three: 2 cells\none: run one: 2 cells\ntwo: run two: 2 cells\n',
	});
	t.is((await vpmu('history', 'import', 'two')).stdout, 'two: run two: is in the history already\n');
	const list = await vpmu('history');
	t.regex(
		list.stdout,
		/^history: 2 cells, 3 runs since .*\n\npmu\/a\nlast {2}runs {2}boot .*\nfail {2}3 {5}1\.1 s \(1\.0 s to 1\.2 s\) .* \[uniform,/,
	);
	t.regex((await vpmu('history', '--since', '1h')).stdout, /^no run since /, 'the history is not empty');
	const detail = await vpmu('history', 'pmu/b');
	t.regex(detail.stdout, /\nverdicts {4}\.FF \(/);
	t.regex(detail.stdout, /\nred {9}last good: run one of .*first bad:\s+run two of /s);
	t.is((await vpmu('history', 'show', 'pmu/b')).stdout, detail.stdout);
	const report = await vpmu('history', 'report', '--since', '14d');
	t.is(report.status, 0);
	t.regex(report.stdout, /^1 new tonight, 1 red before\n/);
	t.regex(report.stdout, /\nnew: since [^:]*: pmu\/a\[uniform,debian:trixie,virt\]: it broke\n/);
	t.regex(report.stdout, /\nred for [23] nights: since [^:]*: pmu\/b\[/);
	t.like(JSON.parse((await vpmu('history', 'report', '--format', 'json')).stdout), {
		...{ schema: 'vpmu-history-report/1', cells: 2 },
		fresh: [{ id: 'pmu/a[uniform,debian:trixie,virt]', lastGood: { run: { id: 'two' } } }],
	});
	t.is(JSON.parse((await vpmu('history', '--format', 'json')).stdout).schema, 'vpmu-history/1');
	t.regex((await vpmu('history', 'report', '--format', 'html')).stdout, /href="\.\/three\/report\.html#cell=/);
	t.regex((await vpmu('history', 'pmu/a', '--format', 'markdown')).stdout, /^# pmu\/a: 1 cell, 3 runs since/);
});

test('what is not a run, a case or an age is refused in a sentence', async t => {
	const { vpmu, write, folder } = newFolder(t);
	write('one', 1, {});
	await vpmu('history', 'import', 'one');
	mkdirSync(path.join(folder, 'bad'));
	writeFileSync(path.join(folder, 'bad', 'results.json'), '{"schema":"vpmu-results/1"}');
	mkdirSync(path.join(folder, 'odd', 'results.json'), { recursive: true });
	for (const [argv, reason] of [
		[['import'], /needs an argument|RUN/],
		[['import', 'none'], /there is no run folder 'none'/],
		[['import', 'bad'], /'bad\/results\.json' has 'run' as nothing/],
		[['import', 'odd'], /'odd' is not the folder of a run: /],
		[['pmu/aa'], /the history has no case or cell 'pmu\/aa' \(did you mean 'pmu\/a'\?\)/],
		[['--since', 'soon'], /'soon' of option '--since' is not valid; allowed: a number of hours, days or weeks/],
		[['pmu/a', '--since', '0h'], /'pmu\/a' has no run since '0h'/],
	] as const) {
		const { status, stdout, stderr } = await vpmu('history', ...argv);
		t.is(status, 2, stderr);
		t.regex(stderr, reason);
		t.is(stdout, '');
	}
});

test('a run is remembered where it ended; one that cannot be is a note, and nothing else', t => {
	const { folder, env, world } = newFolder(t);
	const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
	const context = contextOf(world(streams));
	remember(runOf({}), '/runs/r', context);
	t.is(streams.stderr.read(), null);
	t.true(existsSync(path.join(folder, 'state', 'history.sqlite')));
	remember(runOf({}), '/runs/r', { ...context, env: { ...env, VPMU_STATE: 'here' } });
	t.is(
		String(streams.stderr.read()),
		"vpmu: note: the run is not in the history: VPMU_STATE is 'here', but must be an absolute path\n",
	);
	writeFileSync(path.join(folder, 'file'), '');
	remember(runOf({}), '/runs/r', { ...context, env: { ...env, VPMU_STATE: path.join(folder, 'file') } });
	t.regex(String(streams.stderr.read()), /^vpmu: note: the run is not in the history: cannot use the history '.*\n$/);
});

test('the help of history lists its actions, and that of an action its options', async t => {
	const { vpmu } = newFolder(t);
	for (const argv of [
		['history', '--help'],
		['help', 'history'],
	]) {
		t.regex((await vpmu(...argv)).stdout, /^Usage: vpmu history \[ACTION\].*\n {2}show .*\(default\)\n {2}report /s);
	}
	for (const argv of [
		['history', 'import', '--help'],
		['help', 'history', 'import'],
	]) {
		t.regex((await vpmu(...argv)).stdout, /^Usage: vpmu history import RUN\.\.\.\n/);
	}
	t.regex((await vpmu('history', 'pmu/a', '--help')).stdout, /^Usage: vpmu history show \[CASE\]/);
});

test('ages and dates are moments', t => {
	const now = Date.UTC(2026, 10, 20, 12);
	t.is(parseSince('36h', now), Date.UTC(2026, 10, 19));
	t.is(parseSince('2w', now), Date.UTC(2026, 10, 6, 12));
	t.is(parseSince('2026-11-01', now), Date.UTC(2026, 10, 1));
	for (const wrong of ['14', '14 d', '-1d', '2026-02-30', '99999d', '']) t.throws(() => parseSince(wrong, now));
});

test('completion offers the actions of history, and the cases that may stand in their place', async t => {
	const offered = async (...words: string[]) => (await completions(commands, words)).map(one => one.completion);
	t.deepEqual(await offered('history', 'rep'), ['report']);
	t.deepEqual(await offered('history', 'pmu/default-c'), ['pmu/default-counts']);
	t.deepEqual(await offered('history', 'report', '--format', 'm'), ['markdown']);
	t.deepEqual(await offered('history', '--since=14d', '--form'), ['--format']);
});
