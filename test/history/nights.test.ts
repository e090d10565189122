import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { Ajv2020 } from 'ajv/dist/2020.js';
import test, { type ExecutionContext } from 'ava';
import { main } from '../../harness/main.ts';
import type { CellSketch } from '../../src/compare/testing/cells.ts';
import { nights, noisy } from '../../src/history/testing/nights.ts';
import { type CellResult, eventsOf } from '../../src/run/index.ts';
import { publishedSchema, type SchemaName } from '../schemas/schemas.ts';

const dayMs = 86_400_000;
const now = Date.now();
/** When a night's run started: the last of fourteen an hour ago. */
const startOf = (night: number) => new Date(now - 3_600_000 - (14 - night) * dayMs);
const dateOf = (night: number) => startOf(night).toISOString().slice(0, 10);

/** QEMU is built again each night, in a folder of its own. */
const cellsOf = (night: number): CellSketch[] =>
	Array.from({ length: 20 }, (_, cell) => {
		const slow = cell >= 10 ? 1 + 0.03 * Math.max(0, night - 5) : 1;
		return {
			...{ name: `pmu/c${cell}`, place: cell < 10 ? 'uniform' : 'biglittle' },
			qemu: `/cache/roots/qemu-built-${night}/qemu-system-aarch64`,
			bootMs: noisy(1000 * (1 + cell) * slow, night, cell),
			...(cell === 2 && night >= 9 ? { status: 'fail', reason: 'the guest has no event cycles' } : {}),
			...(cell === 3 && night === 14 ? { status: 'fail', reason: 'the PMU is gone' } : {}),
			...(cell === 4 && [4, 8, 12].includes(night) ? { status: 'fail', reason: 'N/2N is 1.2' } : {}),
		};
	});

/** A folder for runs, and vpmu with a history and a cache of its own in it. */
function freshHistory(t: ExecutionContext) {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const vpmu = async (...argv: string[]) => {
		const [stdout, stderr] = [new PassThrough(), new PassThrough()];
		const env = { ...process.env, VPMU_CACHE: path.join(folder, 'cache'), VPMU_STATE: path.join(folder, 'state') };
		const signal = new AbortController().signal;
		const status = await main(argv, { stdin: new PassThrough(), stdout, stderr, cwd: folder, signal, env });
		t.deepEqual([status, String(stderr.read() ?? '')], [0, ''], argv.join(' '));
		return String(stdout.read() ?? '');
	};
	return { folder, vpmu };
}

test('after 14 nights, the history report names the regression, the drift and the flaky cell, and the night each began', async t => {
	const { folder, vpmu } = freshHistory(t);
	const names = nights(14, cellsOf).map((results, at) => {
		const { id } = results.run;
		mkdirSync(path.join(folder, id));
		const run = { ...results.run, startedAt: startOf(at + 1).toISOString() };
		writeFileSync(path.join(folder, id, 'results.json'), JSON.stringify({ ...results, run }));
		return id;
	});
	await vpmu('history', 'import', ...names);

	const text = await vpmu('history', 'report', '--since', '14d');
	t.regex(text, /^1 new tonight, 1 red before, 1 flaky, 1 boot time changed\n/);
	const said = text.replaceAll(/\s+/g, ' ');
	for (const sentence of [
		`new: since ${dateOf(14)}: pmu/c3[uniform,virt]: the PMU is gone`,
		`red for 6 nights: since ${dateOf(9)}: pmu/c2[uniform,virt]: the guest has no event cycles`,
		`flaky: since ${dateOf(4)}: pmu/c4[uniform,virt]: wrong in 3 of 14 (21 %)`,
	]) {
		t.true(said.includes(sentence), said);
	}
	// The first nights of a slow drift are within the noise.
	const drift = /slower: since (\S+): 10 cells on board:biglittle: boot time \+2\d\.\d % so far/.exec(said);
	t.true([5, 6, 7].map(dateOf).includes(drift?.[1] ?? ''), said);
	t.regex(
		said,
		/last good: run night-8 of .*; first bad: run night-9 of .*; another build of QEMU \(qemu-built-8, then qemu-built-9\)/,
	);

	for (const format of ['markdown', 'html']) {
		const page = await vpmu('history', 'report', '--since', '14d', '--format', format);
		for (const night of [4, 9, 14]) t.true(page.includes(`since ${dateOf(night)}`), format);
	}

	// What programs read is as the published schemas say.
	const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
	const read = async (name: SchemaName, ...argv: string[]) => {
		const value = JSON.parse(await vpmu(...argv, '--format', 'json'));
		const check = ajv.compile(publishedSchema(name));
		t.true(check(value), ajv.errorsText(check.errors));
		return value;
	};
	const report = await read('history-report.json', 'history', 'report', '--since', '14d');
	t.like(report.red[0], { id: 'pmu/c2[uniform,virt]', firstBad: { run: { id: 'night-9' } } });
	t.like(report.flaky[0], { flaky: { wrong: 3, of: 14, since: { run: { id: 'night-4' } } } });
	t.is((await read('history.json', 'history')).cells.length, 20);
	t.is((await read('history.json', 'history', 'pmu/c2')).cells[0].results.length, 14);
});

/**
 * The events of a real run of the default selection: real KVM on emulated hosts, QEMU 10.0.13 and 10.2.2. It lacks only the
 * events about progress.
 */
const recorded = eventsOf(readFileSync(path.join(import.meta.dirname, 'recorded.ndjson'), 'utf8'), 'recorded.ndjson');

/** What a cell of the recorded run became in a night. */
function inNight(cell: CellResult, night: number): CellResult {
	const { shellMs } = cell.timings;
	const slow = cell.on.topology === 'biglittle' ? 1 + 0.03 * Math.max(0, night - 5) : 1;
	const isStock = cell.qemu.path === 'debian:trixie';
	const failing = (reason: string) => ({ status: 'fail', reason, blame: 'qemu' }) as const;
	return {
		...cell,
		timings: { ...cell.timings, shellMs: shellMs === null ? null : noisy(shellMs * slow, night, cell.id.length) },
		qemu: isStock && night >= 9 ? { ...cell.qemu, version: '10.0.14' } : cell.qemu,
		...(cell.case === 'pmu/default-counts' && isStock && night >= 9 ? failing('cycles do not count') : {}),
		...(cell.case === 'pmu/cpu-pmu-off' && isStock && [4, 8, 12].includes(night) ? failing('the guest hung') : {}),
	};
}

test('14 nights of a recorded run: a regression, a slow drift and a flaky cell are named, and the night each began', async t => {
	const { folder, vpmu } = freshHistory(t);
	const names = Array.from({ length: 14 }, (_, at) => {
		const [night, id] = [at + 1, `night-${at + 1}`];
		const events = recorded.map(event => {
			if (event.event === 'cell-end') return { ...event, result: inNight(event.result, night) };
			if (event.event !== 'run-start') return event;
			return { ...event, run: { ...event.run, id, startedAt: startOf(night).toISOString() } };
		});
		mkdirSync(path.join(folder, id));
		writeFileSync(path.join(folder, id, 'events.ndjson'), events.map(event => `${JSON.stringify(event)}\n`).join(''));
		return id;
	});
	await vpmu('history', 'import', ...names);

	const said = (await vpmu('history', 'report', '--since', '14d')).replaceAll(/\s+/g, ' ');
	t.regex(said, /^nothing new tonight, 1 red before, 1 flaky, 1 boot time changed /);
	for (const sentence of [
		`red for 6 nights: since ${dateOf(9)}: pmu/default-counts[uniform,debian:trixie,virt]: cycles do not count`,
		'QEMU changed from 10.0.13 to 10.0.14',
		`flaky: since ${dateOf(4)}: pmu/cpu-pmu-off[uniform,debian:trixie,virt,cpu.pmu=off]: wrong in 3 of 14 (21 %)`,
	]) {
		t.true(said.includes(sentence), said);
	}
	t.regex(said, /last good: run night-8 of .*; first bad: run night-9 of /);
	const drift = /slower: since (\S+): 4 cells on board:biglittle: boot time \+2\d\.\d % so far/.exec(said);
	t.true([5, 6, 7].map(dateOf).includes(drift?.[1] ?? ''), said);
});
