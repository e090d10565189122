import { duplexPair, PassThrough } from 'node:stream';
import test from 'ava';
import { SerialConsole } from './console.ts';
import { GuestError } from './errors.ts';
import { TextCleaner } from './text.ts';
import { TroubleDetector } from './trouble.ts';

function pair(options: ConstructorParameters<typeof SerialConsole>[1] = {}) {
	const [guest, host] = duplexPair();
	guest.resume();
	return { guest, serial: new SerialConsole(host, options) };
}
const kindOf = (error: unknown): unknown => (error instanceof GuestError ? error.kind : error);

test('waits for text that arrives in pieces and between escape sequences', async t => {
	const { guest, serial } = pair();
	await using _owned = serial;
	const first = serial.waitFor(/login: $/, { timeoutMs: 600_000 });
	for (const piece of ['Debian\r\nlo', '\x1b[0', 'mgi', 'n\x1b[1;31m: ']) guest.write(piece);
	const { before, match } = await first;
	t.is(before, 'Debian\n');
	t.is(match[0], 'login: ');
	// The search continues after the match, so the same text does not match twice.
	await t.throwsAsync(serial.waitFor('login: ', { timeoutMs: 30 }), { name: 'DeadlineError' });
	t.truthy(await serial.waitFor('login: ', { timeoutMs: 30, from: 0 }));
});

test('an abort rejects with its reason; the end of the stream is reported', async t => {
	const { guest, serial } = pair();
	await using _owned = serial;
	const abort = new AbortController();
	const aborted = serial.waitFor('never', { signal: abort.signal });
	abort.abort(new Error('mine'));
	await t.throwsAsync(aborted, { message: 'mine' });
	const waiting = serial.waitFor('never');
	guest.write('last words\n');
	guest.end();
	const error = await t.throwsAsync(waiting);
	t.is(kindOf(error), 'console-closed');
	t.deepEqual((error as GuestError).evidence, ['last words']);
	t.is(kindOf(await t.throwsAsync(serial.waitFor('never'))), 'console-closed');
});

test("silence is a hang, scaled by the host's speed; any output resets the watchdog", async t => {
	let nowMs = 0;
	let looks = 0;
	const { guest, serial } = pair({
		speedFactor: 2,
		clock: {
			longestStepMs: 100,
			share: () => 1,
			now: () => {
				if (looks++ < 10) guest.write('.');
				nowMs += 60;
				return nowMs;
			},
		},
	});
	await using _owned = serial;
	const error = await t.throwsAsync(serial.waitFor('never', { silenceMs: 100 }));
	t.is(kindOf(error), 'hang');
	t.regex(error!.message, /no output for 240 ms/);
	// Ten looks with output, and the four without that make more than 2 x 100 ms.
	t.is(looks, 15);
});

test('a panic ends a wait immediately', async t => {
	const { guest, serial } = pair();
	await using _owned = serial;
	const waiting = serial.waitFor('never');
	guest.write('[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n');
	const error = await t.throwsAsync(waiting);
	t.is(kindOf(error), 'panic');
	t.regex(error!.message, /VFS/);
});

test('a second boot is a reboot, the first is not', async t => {
	const banner = '[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd083]\n';
	const { guest, serial } = pair();
	await using _owned = serial;
	guest.write(`${banner}one\n`);
	await serial.waitFor('one', { timeoutMs: 600_000 });
	t.deepEqual(serial.troubles, []);
	const waiting = serial.waitFor('never');
	guest.write(banner);
	t.is(kindOf(await t.throwsAsync(waiting)), 'reboot');
	const restored = pair({ booted: true });
	const second = restored.serial.waitFor('never');
	restored.guest.write(banner);
	t.is(kindOf(await t.throwsAsync(second)), 'reboot');
	await restored.serial[Symbol.asyncDispose]();
});

test('all bytes are recorded unchanged, with times', async t => {
	const recorded: Buffer[] = [];
	const times: number[] = [];
	const { guest, serial } = pair({
		record: (bytes, atMs) => {
			recorded.push(bytes);
			times.push(atMs);
		},
	});
	await using _owned = serial;
	const bytes = Buffer.from([0, 1, 0x1b, 0xff, 0x7e, 0x0a]);
	guest.write(bytes);
	guest.write('end\n');
	await serial.waitFor('end', { timeoutMs: 600_000 });
	t.deepEqual(Buffer.concat(recorded), Buffer.concat([bytes, Buffer.from('end\n')]));
	t.true(times.every(time => time <= performance.now()));
});

const lines: readonly (readonly [string, string | undefined])[] = [
	['[   10.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [sh:1]', 'soft-lockup'],
	['[   21.0] rcu: INFO: rcu_sched self-detected stall on CPU', 'rcu-stall'],
	['[   21.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:', 'rcu-stall'],
	['[   12.0] Internal error: Oops: 0000000096000046 [#1] SMP', 'oops'],
	['[   12.0] Internal error: Oops - BUG: 00000000f2000800 [#1] SMP', 'oops'],
	['[   12.0] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000', 'oops'],
	['[   12.0] kernel BUG at mm/slub.c:4000!', 'bug'],
	['[   12.0] BUG: KASAN: use-after-free in x', 'bug'],
	['[   12.0] WARNING: CPU: 1 PID: 77 at kernel/rcu/tree.c:1 foo+0x1/0x2', 'warning'],
	['[   12.0] Out of memory: Killed process 77 (sh) total-vm:1kB', 'oom-kill'],
	['[  242.0] INFO: task kworker/0:1:12 blocked for more than 120 seconds.', 'hung-task'],
	['[   12.0] Kernel panic - not syncing: sysrq triggered crash', 'panic'],
	['[   12.0] DEBUG: nothing to see', undefined],
	['[    0.1] Memory: 200000K/262144K available', undefined],
	['[    0.1] rcu: 	RCU event tracing is enabled.', undefined],
];
test("the kernel's messages about trouble are recognised", t => {
	for (const [line, kind] of lines) {
		t.is(new TroubleDetector(false).look(line, 0)?.kind, kind as never, line);
		if (kind !== undefined) t.true(TroubleDetector.isSuspicious(line), line);
	}
});

test('a kernel report is kept with its lines, even if the last one is incomplete', async t => {
	const { guest, serial } = pair();
	await using _owned = serial;
	guest.write('[    1.0] harmless\r\n[    2.0] BUG: sleeping function called from invalid context at a.c:1\r\n');
	guest.write('[    2.1] Call trace:\r\n[    2.2]  foo+0x1/0x2\r\n');
	guest.write('[    3.0] Internal error: Oops: 0000000096000004 [#1] SMP');
	guest.end();
	await serial.closed;
	t.deepEqual(
		serial.kernelReports.map(({ kind, what, lines }) => [kind, what, lines.length]),
		[
			['bug', 'atomic-sleep', 3],
			['oops', 'oops', 1],
		],
	);
	t.is(serial.troubles.length, 2);
});

test('a panic that the guest proves to be fake is not reported', async t => {
	const { guest, serial } = pair();
	await using _owned = serial;
	using _attached = serial.attach(
		bytes => bytes,
		async () => false,
	);
	guest.write('Kernel panic - not syncing: said a program\n');
	guest.write('done\n');
	await serial.waitFor('done', { timeoutMs: 600_000 });
	t.deepEqual(serial.kernelReports, []);
});

test('decoded text does not depend on how the bytes were split', t => {
	const bytes = Buffer.from('a\x1b[1;31mb\x1b]0;title\x07c\x1bcd\r\nä\x1b[?25h€\x1b(Be\n');
	const whole = new TextCleaner().push(bytes);
	t.is(whole, 'abcd\nä€e\n');
	for (let cut = 1; cut < bytes.length; cut++) {
		const cleaner = new TextCleaner();
		t.is(cleaner.push(bytes.subarray(0, cut)) + cleaner.push(bytes.subarray(cut)), whole, `cut at ${cut}`);
	}
});

test('a console that is disposed of destroys its stream', async t => {
	const stream = new PassThrough();
	const serial = new SerialConsole(stream);
	await serial[Symbol.asyncDispose]();
	t.true(stream.destroyed);
	t.is(kindOf(await t.throwsAsync(serial.write('x'))), 'console-closed');
});
