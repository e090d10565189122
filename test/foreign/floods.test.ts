import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { dir } from 'tmp-promise';
import { localHost } from '../../src/host/local.ts';
import { poll } from '../../src/lib/index.ts';
import { startMachine } from '../../src/qemu/machine/start.ts';
import type { Script } from '../../src/qemu/testing/fake-qemu.ts';
import { fakeQemu, fakeSpec } from '../../src/qemu/testing/machines.ts';
import { parseRecording } from '../../src/qmp/wire/recording.ts';

/** A QEMU with a second process that writes endlessly; `$log` and `$console` are QEMU's files. */
const flooding = (flood: string, script: Script = {}) => [
	...['env', `FAKE_QEMU=${JSON.stringify(script)}`, 'sh', '-c'],
	`for word; do case $before in -D) log=$word;; esac; case $word in pipe,id=console,*) console=\${word#*path=}.out;; esac; before=$word; done
	(${flood}) </dev/null & exec "$@"`,
	...['sh', ...fakeQemu],
];

const mebibyte = 1024 * 1024;
/** Head, tail, and the note between them. */
const mostBytes = 17 * mebibyte + 1000;

test.serial('a QEMU that floods its stderr fills neither disk nor memory, and its last output is kept', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const notes: string[] = [];
	await using host = localHost();
	const before = process.memoryUsage.rss();
	const flood = `head -c ${60 * mebibyte} /dev/zero | tr '\\0' x >&2; echo >&2; echo last words >&2`;
	const spec = { ...fakeSpec, qemu: { command: flooding(flood) } };
	await using machine = await startMachine(host, spec, { artifacts: folder, onNote: note => notes.push(note) });
	await poll(
		'last words',
		() => (machine.process.stderrLines().at(-1)?.endsWith('last words') === true ? true : undefined),
		{
			timeoutMs: 28_000,
		},
	);
	t.is((await machine.qmp.execute('query-status')).status, 'running');
	await machine.shutdown();
	const size = (await stat(path.join(folder, 'qemu.stderr'))).size;
	t.true(size <= mostBytes, `${size} bytes`);
	t.true(process.memoryUsage.rss() - before < 200e6);
	const end = (await readFile(path.join(folder, 'qemu.stderr'))).subarray(-100).toString();
	t.true(end.endsWith('last words\n'), end);
	t.true(
		notes.some(note => /^\d+ bytes were left out of qemu\.stderr/.test(note)),
		notes.join(),
	);
});

test.serial('a QEMU that floods its log is stopped by a limit for the log, and continues to run', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const notes: string[] = [];
	await using host = localHost();
	const flood = 'yes "un-handled exit reason 9" >>"$log"; echo over >&2';
	const spec = { ...fakeSpec, largestFileMiB: 30, qemu: { command: flooding(flood) } };
	await using machine = await startMachine(host, spec, { artifacts: folder, onNote: note => notes.push(note) });
	await poll('the end of the flood', () => (machine.process.stderrLines().includes('over') ? true : undefined), {
		timeoutMs: 28_000,
	});
	t.is((await stat(machine.logPath)).size, 30 * mebibyte);
	const { unhandledExits } = await machine.readLog();
	t.true(unhandledExits[0]!.count > 100_000);
	await machine.shutdown();
	t.true((await stat(path.join(folder, 'trace.log'))).size < 8 * mebibyte + 1000);
	t.deepEqual(notes, ['trace.log has only the first 8388608 bytes']);
});

test.serial('a log that QEMU replaced by a link is neither followed nor kept', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const notes: string[] = [];
	await using host = localHost();
	const spec = { ...fakeSpec, qemu: { command: flooding('ln -sf /etc/passwd "$log"; echo linked >&2') } };
	await using machine = await startMachine(host, spec, { artifacts: folder, onNote: note => notes.push(note) });
	await poll('the link', () => (machine.process.stderrLines().includes('linked') ? true : undefined), {
		timeoutMs: 28_000,
	});
	await t.throwsAsync(machine.readLog(), { message: /symbolic link/ });
	await machine.shutdown();
	t.false('trace.log' in machine.artifacts);
	await t.throwsAsync(stat(path.join(folder, 'trace.log')), { code: 'ENOENT' });
	t.true(
		notes.some(note => /trace\.log could not be fetched: .*symbolic link/.test(note)),
		notes.join(),
	);
});

test.serial('a guest that floods its console fills neither disk nor memory', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const notes: string[] = [];
	await using host = localHost();
	const flood = `until [ -p "$console" ]; do sleep 0.1; done; yes "a line of the guest" | head -c ${20 * mebibyte} >"$console"; echo over >&2`;
	const spec = { ...fakeSpec, qemu: { command: flooding(flood) } };
	const before = process.memoryUsage.rss();
	await using machine = await startMachine(host, spec, { artifacts: folder, onNote: note => notes.push(note) });
	await poll('the end of the flood', () => (machine.process.stderrLines().includes('over') ? true : undefined), {
		timeoutMs: 29_000,
	});
	await delay(100);
	t.true(machine.console.receivedBytes >= 19 * mebibyte);
	await machine.shutdown();
	const log = await readFile(path.join(folder, 'console.log'));
	t.true(log.length <= mostBytes, `${log.length} bytes`);
	t.true(log.includes('\n[vpmu: '));
	// Checked as scriptreplay(1) reads it: the timing must not promise more bytes than there are.
	const timing = (await readFile(path.join(folder, 'console.timing'), 'latin1')).matchAll(/^\d+\.\d{6} (\d+)$/gm);
	t.is(
		[...timing].reduce((sum, [, bytes]) => sum + Number(bytes), 0),
		16 * mebibyte,
	);
	t.true(process.memoryUsage.rss() - before < 250e6);
	t.true(
		notes.some(note => /were left out of console\.log/.test(note)),
		notes.join(),
	);
});

test.serial('a QEMU that floods QMP with events leaves a readable recording, and does not end a wait', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const notes: string[] = [];
	await using host = localHost();
	const script = { events: [{ event: 'NOISE', data: { text: 'x'.repeat(400) } }], eventsTimes: 40_000 };
	const spec = { ...fakeSpec, qemu: { command: flooding(':', script) } };
	await using machine = await startMachine(host, spec, { artifacts: folder, onNote: note => notes.push(note) });
	await delay(500);
	t.is((await machine.qmp.execute('query-status')).status, 'running');
	await machine.shutdown();
	const recording = await readFile(path.join(folder, 'qmp.ndjson'), 'utf8');
	t.true(recording.length <= mostBytes);
	const records = parseRecording(recording);
	t.true(records.length > 1000 && records.at(-1)!.text.length > 0);
	t.true(
		notes.some(note => /were left out of qmp\.ndjson/.test(note)),
		notes.join(),
	);
});
