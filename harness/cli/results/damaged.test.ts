import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { everyStatus } from '../../../src/report/testing/results.ts';
import { main } from '../../main.ts';

const entry = path.resolve(import.meta.dirname, '../../bin.mjs');
const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
test.after.always(() => rmSync(folder, { recursive: true }));

/** Runs a command line in this process. */
async function vpmu(...argv: string[]): Promise<{ status: number; stderr: string }> {
	const [stdout, stderr] = [new PassThrough().resume(), new PassThrough()];
	const given = argv.map(word => (/^(good|bad|killed|\.)$/.test(word) ? path.join(folder, word) : word));
	const status = await main(given, {
		...{ stdin: new PassThrough(), stdout, stderr, cwd: folder, signal: new AbortController().signal },
		env: { ...process.env, VPMU_CACHE: path.join(folder, 'cache') },
	});
	return { status, stderr: String(stderr.read() ?? '') };
}

const write = (run: string, name: string, text: string) => {
	mkdirSync(path.join(folder, run), { recursive: true });
	writeFileSync(path.join(folder, run, name), text);
};

test.serial('every command that reads a run exits with 2 and a reason if its results are damaged', async t => {
	write('good', 'results.json', JSON.stringify(everyStatus));
	const { cells } = everyStatus;
	for (const [text, reason] of [
		['', /is empty/],
		['null', /is null/],
		['{}', /'schema' as nothing/],
		['[]', /is Array|'schema'/],
		[JSON.stringify(everyStatus).slice(0, 700), /is not JSON/],
		[JSON.stringify({ ...everyStatus, cells: null }), /'cells' as null/],
		[JSON.stringify({ ...everyStatus, cells: [{ ...cells[0], timings: 'none' }] }), /'cells.0.timings' as "none"/],
	] as const) {
		write('bad', 'results.json', text);
		for (const argv of [
			['report', 'bad'],
			['report', 'bad', '--format', 'html'],
			['compare', 'good', 'bad'],
			['compare', 'bad', 'good'],
			['list', '--shard', '1/2', '--durations', 'bad'],
		]) {
			const { status, stderr } = await vpmu(...argv);
			t.is(status, 2, `${argv.join(' ')}: ${stderr}`);
			t.regex(stderr, /^vpmu: '[^']*bad\/results\.json' [^\n]*\n$/);
			t.regex(stderr, reason);
		}
	}
});

test.serial('a run without results whose events are damaged: exit 2 with file and line', async t => {
	const start = { at: '2026-01-01T00:00:00Z', event: 'run-start', run: everyStatus.run, cells: [] };
	for (const [text, reason] of [
		['', /holds no whole event/],
		['null\n', /line 1 is null/],
		['{}\n', /line 1 has 'event' as nothing/],
		[`${JSON.stringify(start)}\n{"at":"yesterday","event":"cell-start","cell":"x"}\n`, /line 2 has 'at' as/],
		[`${JSON.stringify(start)}\n{"event":\n{}\n`, /line 2 is not JSON/],
	] as const) {
		write('killed', 'events.ndjson', text);
		const { status, stderr } = await vpmu('report', 'killed');
		t.is(status, 2, stderr);
		t.regex(stderr, reason);
	}
	write('killed', 'events.ndjson', `${JSON.stringify(start)}\n{"event":`);
	t.is((await vpmu('report', 'killed')).status, 0);
	const empty = await vpmu('report', '.');
	t.is(empty.status, 2);
	t.regex(empty.stderr, /is not the folder of a run/);
});

test.serial('the folder of a series is refused, with its runs', async t => {
	for (const run of ['before', 'after']) write(`series/${run}`, 'results.json', JSON.stringify(everyStatus));
	const series = path.join(folder, 'series');
	for (const argv of [
		['report', series],
		['report', series, '--format', 'trace'],
		['compare', 'good', series],
		['history', 'import', series],
	]) {
		const { status, stderr } = await vpmu(...argv);
		t.is(status, 2, stderr);
		t.is(
			stderr,
			`vpmu: '${series}' is the folder of a series; name a run in it: '${series}/before' or '${series}/after'\n`,
		);
	}
	rmSync(path.join(series, 'after'), { recursive: true });
	t.regex((await vpmu('report', series)).stderr, /; name a run in it: '[^']*series\/before'\n$/);
});

test.serial('a trace of a run without events is refused with the reason', async t => {
	write('good', 'results.json', JSON.stringify(everyStatus));
	const { status, stderr } = await vpmu('report', 'good', '--format', 'trace');
	t.is(status, 2, stderr);
	t.regex(stderr, /^vpmu: the run '[^']*good' has no events\.ndjson, of which '--format trace' is made\n$/);
});

const makeFifo = (run: string, name: string) => {
	mkdirSync(path.join(folder, run), { recursive: true });
	execFileSync('mkfifo', [path.join(folder, run, name)]);
};

test.serial('a FIFO instead of the files of a run, a plan or a configuration is refused, not waited for', async t => {
	write('good', 'results.json', JSON.stringify(everyStatus));
	makeFifo('fifo-results', 'results.json');
	makeFifo('fifo-events', 'events.ndjson');
	makeFifo('fifo-plan', 'plan.json');
	const at = (name: string) => path.join(folder, name);
	for (const argv of [
		['report', at('fifo-results')],
		['report', at('fifo-events')],
		['compare', 'good', at('fifo-results')],
		['merge', at('fifo-events'), '--out', at('merged')],
		['plan', '--shards', '2', '--out', at('fifo-plan/plan.json')],
		['list', '--plan', at('fifo-plan/plan.json'), '--shard', '1/2'],
		['merge', at('good'), '--plan', at('fifo-plan/plan.json')],
		['merge', at('good'), '--plan', at('good')],
		['kernel', 'build', '--source', at('good'), '--config', at('fifo-plan/plan.json')],
	]) {
		// In a child: the wait that this test is about would block the test itself.
		const { status, stderr } = spawnSync(
			process.execPath,
			[entry, ...argv.map(word => (word === 'good' ? at(word) : word))],
			{
				...{ cwd: folder, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' },
				env: { ...process.env, VPMU_CACHE: at('cache') },
			},
		);
		t.is(status, 2, `${argv.join(' ')}: ${stderr}`);
		t.regex(stderr, /^vpmu: [^\n]*'[^\n]*(regular file|FIFO)[^\n]*\n$/);
	}
});

test.serial('a loop of links instead of a run is a missing run', async t => {
	write('good', 'results.json', JSON.stringify(everyStatus));
	symlinkSync('loop', path.join(folder, 'loop'));
	for (const argv of [
		['compare', 'good', 'loop'],
		['compare', 'loop', 'good'],
		['compare', '--baseline', 'loop', 'good'],
	]) {
		const { status, stderr } = await vpmu(...argv);
		t.is(status, 2, `${argv.join(' ')}: ${stderr}`);
		t.regex(stderr, /^vpmu: there is no (run folder|baseline) 'loop'\n$/);
	}
});

test.serial('a plan that cannot be read is bad input', async t => {
	symlinkSync('round', path.join(folder, 'round'));
	const { status, stderr } = await vpmu('list', '--plan', path.join(folder, 'round'), '--shard', '1/2');
	t.is(status, 2, stderr);
	t.regex(stderr, /^vpmu: '[^']*round' of option '--plan' cannot be read: ELOOP[^\n]*\n$/);
});
