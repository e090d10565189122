import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { SerialConsole } from '../console.ts';
import { GuestError, type TroubleKind } from '../errors.ts';
import { openShell } from '../open.ts';
import { FakeFaultyLine, type Faults } from '../testing/faulty-line.ts';
import { FaultyKernel, gdbArguments, provoke } from '../testing/gdb-stub.ts';
import { startTestGuest } from '../testing/test-guest.ts';
import { describeOutcome, nuisances, torture } from '../testing/torture.ts';
import { parseWorkloadReport, stepsCommand, workloads } from '../workloads.ts';
import type { FramedShell } from './shell.ts';

async function open(options: { faults?: Faults; append?: string; extra?: string[]; silenceMs?: number } = {}) {
	const stack = new AsyncDisposableStack();
	const guest = stack.use(await startTestGuest({ init: 'exec /vpmu/agent\n', ...options }));
	const line = new FakeFaultyLine(guest.socket, {});
	const serial = stack.use(new SerialConsole(line));
	const silence = options.silenceMs === undefined ? {} : { silenceMs: options.silenceMs };
	const shell = stack.use((await openShell(serial, { timeoutMs: 120_000, ...silence })) as FramedShell);
	line.worsen(options.faults ?? {});
	return { guest, serial, shell, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const kindOf = (error: unknown): unknown => (error instanceof GuestError ? error.kind : error);

test.serial('a panic is reported as a panic, with the console as evidence', async t => {
	await using guest = await open();
	const error = await t.throwsAsync(guest.shell.run('echo c > /proc/sysrq-trigger', { timeoutMs: 60_000 }));
	t.is(kindOf(error), 'panic');
	t.true((error as GuestError).evidence.some(line => line.includes('sysrq')));
});

test.serial('a reboot is a reboot', async t => {
	// QEMU is started with -no-reboot. Without it, the same machine boots again and its agent reports a new boot.
	await using guest = await open({ extra: ['-action', 'reboot=reset'] });
	const error = await t.throwsAsync(guest.shell.run('echo b > /proc/sysrq-trigger; sleep 60', { timeoutMs: 90_000 }));
	t.is(kindOf(error), 'reboot');
});

test.serial('a hang is a hang', async t => {
	await using guest = await open({ silenceMs: 4000 });
	const running = guest.shell.run(['sleep', '300'], { timeoutMs: 60_000 });
	process.kill(guest.guest.pid, 'SIGSTOP');
	const error = await t.throwsAsync(running);
	process.kill(guest.guest.pid, 'SIGCONT');
	t.is(kindOf(error), 'hang');
});

test.serial('oops, BUG, warning, soft lockup and RCU stall are told apart', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const gdb = path.join(folder, 'gdb');
	await using guest = await open({ extra: gdbArguments(gdb), silenceMs: 60_000 });
	const { shell, serial } = guest;
	const kinds = () => new Set(serial.troubles.map(trouble => trouble.kind));
	const until = async (kind: TroubleKind) => {
		const limit = performance.now() + 120_000;
		while (!kinds().has(kind) && performance.now() < limit) await delay(200);
		t.true(kinds().has(kind), `${kind}: ${serial.lastLines(12).join('\n')}`);
	};
	t.deepEqual([...kinds()], []);
	const kernel = await FaultyKernel.open(shell, gdb);
	await kernel.plant('warning');
	t.is((await shell.run(provoke)).status, 0);
	await until('warning');
	t.deepEqual([...kinds()], ['warning']);

	await kernel.plant('null-pointer');
	t.is((await shell.run(provoke)).signal, 'SIGSEGV');
	await until('oops');
	t.false(kinds().has('bug'));

	await kernel.plant('bug');
	t.is((await shell.run(provoke)).signal, 'SIGSEGV');
	await until('bug');

	// This stops one of two CPUs; the other keeps running and complains.
	await kernel.mend();
	await shell.run(
		'echo 1 > /proc/sys/kernel/watchdog_thresh; echo 3 > /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout',
	);
	await kernel.plant('endless-loop');
	const stuck = shell.run(provoke);
	stuck.catch(() => undefined);
	await until('soft-lockup');
	await until('rcu-stall');
	t.true(serial.troubles.every(trouble => !trouble.fatal));
	t.false(kinds().has('panic'));
});

test.serial('a kernel that loops with interrupts off is reported as a hang', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const gdb = path.join(folder, 'gdb');
	await using guest = await open({ extra: [...gdbArguments(gdb), '-smp', '1'], silenceMs: 4000 });
	const kernel = await FaultyKernel.open(guest.shell, gdb);
	await kernel.plant('dead-loop');
	const error = await t.throwsAsync(guest.shell.run(provoke, { timeoutMs: 60_000 }));
	t.is(kindOf(error), 'hang');
});

test.serial('a command killed by the OOM killer ends with a signal', async t => {
	await using guest = await open();
	const result = await guest.shell.run('x=a; while :; do x=$x$x$x$x; done', { timeoutMs: 120_000 });
	t.is(result.signal, 'SIGKILL');
	await guest.serial.waitFor(/Killed process/, { from: 0, timeoutMs: 10_000 });
	t.true(guest.serial.troubles.some(trouble => trouble.kind === 'oom-kill' && !trouble.fatal));
});

test.serial('each workload takes exactly the documented number of instructions', async t => {
	await using guest = await open();
	const { loop, branches, loads, stores, syscalls } = workloads;
	for (const workload of [loop, branches, loads, stores, syscalls])
		for (const n of [1, 34]) {
			const { stdout } = await guest.shell.run(stepsCommand(workload, n), { timeoutMs: 120_000 });
			const report = parseWorkloadReport(stdout.toString());
			t.is(report.steps, workload.figures(n).instructions, `${workload.name} ${n}`);
			t.deepEqual(report.done, [{ name: workload.name, n: BigInt(n) }]);
		}
	for (const workload of [workloads.faults, workloads.threads(4)]) {
		const { stdout } = await guest.shell.run(workload.argv(1000), { timeoutMs: 60_000 });
		t.deepEqual(parseWorkloadReport(stdout.toString()).done, [{ name: workload.name, n: 1000n }]);
	}
});

test.serial(
	'1,000 commands succeed while the kernel floods the console, programs imitate us and reset the terminal, and characters get lost',
	async t => {
		t.timeout(500_000);
		await using guest = await open({
			faults: { dropFromGuest: 0.0002, dropToGuest: 0.0002, interleave: 0.0003, texts: nuisances, seed: 5 },
		});
		const imitations = nuisances.map(text => text.replaceAll('\r', '')).join('\n');
		await guest.shell.put(imitations, '/tmp/imitations');
		const stop = new AbortController();
		const flood = guest.shell
			.run(
				'while :; do echo "a kernel message of usual length, to be printed now" > /dev/kmsg; cat /tmp/imitations > /dev/console; stty sane < /dev/console; sleep 0.3; done',
				{ signal: stop.signal },
			)
			.catch(() => undefined);
		const outcome = await torture(guest.shell, { commands: 1000, together: 8, timeoutMs: 120_000 });
		stop.abort();
		await flood;
		describeOutcome(t, 'torture', outcome, { ...guest.shell.statistics, console: guest.serial.receivedBytes });
		t.deepEqual(outcome.wrong, []);
		t.is(outcome.right + outcome.refused.length, 1000);
		t.true(outcome.right >= 990);
	},
);
