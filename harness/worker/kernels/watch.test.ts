import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { sortKernelLog } from '../../../src/guest/index.ts';
import type { Host } from '../../../src/host/index.ts';
import type { Machine } from '../../../src/qemu/index.ts';
import type { Lease } from '../../protocol/lease.ts';
import type { Guest } from '../guest/guest.ts';
import { KernelWatch } from './watch.ts';

const oops = '[   12.000000] Internal error: Oops: 0000000096000004 [#1] SMP';
const stall = '[   13.000000] rcu: INFO: rcu_preempt self-detected stall on CPU';
const throttled = '[   14.000000] sched: RT throttling activated';

interface FakeMachine {
	readonly lines?: readonly string[];
	readonly exit?: object;
	readonly stopped?: { readonly isOwn: boolean };
	readonly fatal?: string;
	readonly shellMs?: number | null;
	readonly kernel?: string | null;
}

/** What a watch looks at of a machine. */
function fakeMachine({ lines = [], exit, stopped, fatal, shellMs = 5, kernel = '/kernel' }: FakeMachine = {}): Machine {
	return {
		process: { pid: 100, exit },
		stopped,
		timings: { shellMs },
		spec: kernel === null ? {} : { kernel },
		console: {
			fatal: fatal === undefined ? undefined : { line: fatal },
			kernelReports: sortKernelLog(lines, { of: 'guest', release: null }, []).reports,
			lastLines: (count: number) => lines.slice(-count),
		},
	} as unknown as Machine;
}

/** A guest that tells this log, or fails to. */
function fakeGuest(machine: Machine, log: readonly string[] | undefined | Error, isLost = false): Guest {
	const kernelLog = async () => {
		if (log instanceof Error) throw log;
		return log;
	};
	return { machine, isLost, kernelLog } as unknown as Guest;
}

/** A host whose kernel log has these lines before and after the cell, and whose QEMU has these threads. */
function fakeHost(after: readonly string[] | Error, { kind = 'local', tasks = '100\n101\n' } = {}): Host {
	let reads = 0;
	const run = async (argv: readonly string[]) => {
		if (argv[0] === 'ls') return { stdout: Buffer.from(tasks) };
		reads++;
		if (reads > 1 && after instanceof Error) throw after;
		const lines = reads === 1 ? ['<6>[    1.0] before'] : ['<6>[    1.0] before', ...(after as readonly string[])];
		return { stdout: Buffer.from(`dmesg\n${lines.join('\n')}\n`) };
	};
	return { kind, run } as unknown as Host;
}

function watch(t: ExecutionContext, host: Host = fakeHost([]), lease: Partial<Lease> = {}) {
	const artifacts = mkdtempSync(path.join(tmpdir(), 'vpmu-watch-'));
	t.teardown(() => rmSync(artifacts, { recursive: true }));
	const facts = { kernel: { release: '6.12.0' } };
	const watching = new KernelWatch(host, {
		...{ artifacts, slowness: 1, kernel: { release: '6.12.0' }, facts },
		...lease,
	} as unknown as Lease);
	const names = () => {
		const { guestKernel, hostKernel } = watching.observed;
		return {
			guest: guestKernel?.reports.map(report => report.name),
			host: hostKernel?.reports.map(report => report.name),
		};
	};
	return { watching, names, artifacts };
}

test('a guest that answers is asked for its log at the end, and what the console showed counts once', async t => {
	const { watching, names, artifacts } = watch(t);
	const machine = fakeMachine({ lines: [oops] });
	await watching.machineStarted(machine);
	watching.add(fakeGuest(machine, [oops, throttled]));
	await watching.settle({ hasFailed: false });
	t.deepEqual(names().guest, ['oops']);
	const { guestKernel } = watching.observed;
	t.is(guestKernel?.unread, null);
	t.is(guestKernel?.lastLines, undefined);
	t.deepEqual(
		guestKernel?.known.map(one => one.name),
		['sched: RT throttling activated'],
	);
	t.is(readFileSync(path.join(artifacts, 'guest-kernel.log'), 'utf8'), `${oops}\n${throttled}\n`);
	t.deepEqual(watching.files, { 'guest-kernel.log': path.join(artifacts, 'guest-kernel.log') });
});

for (const [title, machine, reason] of [
	['QEMU ended', { exit: {} }, 'its QEMU had ended'],
	['QEMU stopped', { stopped: { isOwn: false } }, 'QEMU had stopped the machine'],
	['panicked', { fatal: ' Kernel panic - not syncing: x ' }, 'the guest was gone: Kernel panic - not syncing: x'],
	['was never opened', { shellMs: null }, 'its shell had not been opened'],
] as const) {
	test(`of a guest that ${title}, what its console showed is in the result`, async t => {
		const { watching, names, artifacts } = watch(t);
		const shown = fakeMachine({ lines: ['booting', oops, 'Call trace:'], ...machine });
		await watching.machineStarted(shown);
		watching.add(fakeGuest(shown, new Error('asked in vain')));
		await watching.settle({ hasFailed: false });
		t.deepEqual(names().guest, ['oops']);
		t.deepEqual(watching.observed.guestKernel?.unread, { reason, expected: true });
		t.deepEqual(watching.observed.guestKernel?.lastLines, ['booting', oops, 'Call trace:']);
		const file = readFileSync(path.join(artifacts, 'guest-kernel.log'), 'utf8');
		t.is(file, `-- last lines of the console; ${reason}\nbooting\n${oops}\nCall trace:\n`);
	});
}

test('a machine that failed before there was a guest is not passed over', async t => {
	const { watching, names } = watch(t);
	await watching.machineStarted(fakeMachine({ lines: ['booting', oops], shellMs: null }));
	// One that boots nothing has no guest.
	await watching.machineStarted(fakeMachine({ lines: ['firmware'], shellMs: null, kernel: null }));
	await watching.settle({ hasFailed: true });
	t.deepEqual(names().guest, ['oops']);
	t.deepEqual(watching.observed.guestKernel?.lastLines, ['booting', oops]);
});

test('what a console showed counts even if nothing failed, and machines without a kernel show none', async t => {
	const { watching, names } = watch(t);
	await watching.machineStarted(fakeMachine({ lines: [oops], shellMs: null, kernel: null }));
	await watching.settle({ hasFailed: false });
	t.is(names().guest, undefined);
	await watching.machineStarted(fakeMachine({ lines: [oops], shellMs: null }));
	await watching.settle({ hasFailed: false });
	t.deepEqual(names().guest, ['oops']);
	t.is(watching.observed.guestKernel?.lastLines, undefined);
});

test('a silent console leaves no lines and no file', async t => {
	const { watching, artifacts } = watch(t);
	const machine = fakeMachine({ exit: {} });
	await watching.machineStarted(machine);
	watching.add(fakeGuest(machine, undefined));
	await watching.settle({ hasFailed: true });
	t.is(watching.observed.guestKernel?.lastLines, undefined);
	t.is(watching.observed.guestKernel?.unread?.reason, 'its QEMU had ended');
	t.throws(() => readFileSync(path.join(artifacts, 'guest-kernel.log')), { code: 'ENOENT' });
});

test('a guest that fails to answer breaks a cell that was well, and not one that has failed', async t => {
	const broken = async (hasFailed: boolean) => {
		const { watching } = watch(t);
		const machine = fakeMachine({ lines: ['last words'] });
		await watching.machineStarted(machine);
		watching.add(fakeGuest(machine, new Error('no answer')));
		await watching.settle({ hasFailed });
		return watching.observed.guestKernel;
	};
	await t.throwsAsync(broken(false), { message: 'no answer' });
	const seen = await broken(true);
	t.deepEqual(seen?.unread, { reason: 'no answer', expected: true });
	t.deepEqual(seen?.lastLines, ['last words']);
});

test('a guest whose vCPUs are lost is not asked, and a guest without dmesg says so', async t => {
	const { watching } = watch(t);
	const machine = fakeMachine();
	watching.add(fakeGuest(machine, new Error('asked in vain'), true));
	await watching.machineEnds(machine);
	await watching.settle({ hasFailed: false });
	t.is(watching.observed.guestKernel?.unread?.reason, 'its vCPUs cannot run on any CPU of the host');
	const other = watch(t).watching;
	other.add(fakeGuest(fakeMachine(), new Error('asked in vain'), true));
	other.add(fakeGuest(fakeMachine(), undefined));
	await other.settle({ hasFailed: false });
	t.deepEqual(other.observed.guestKernel?.unread, {
		...{ reason: 'the guest has no dmesg that can read it', expected: false },
	});
});

test('a machine that is about to end is asked before, and not again', async t => {
	const { watching, names } = watch(t);
	const machine = fakeMachine();
	await watching.machineStarted(machine);
	let asked = 0;
	const guest = { machine, isLost: false, kernelLog: async () => (asked++ === 0 ? [oops] : [stall]) };
	watching.add(guest as unknown as Guest);
	await watching.machineEnds(fakeMachine());
	t.is(asked, 0);
	await watching.machineEnds(machine);
	t.is(asked, 1);
	Object.assign(machine.process, { exit: {} });
	await watching.settle({ hasFailed: true });
	t.is(asked, 1);
	t.is(watching.observed.guestKernel?.lastLines, undefined);
	t.is(watching.observed.guestKernel?.unread, null);
	t.deepEqual(names().guest, ['oops']);
	// One that ended before it was asked stays unasked.
	const gone = watch(t).watching;
	gone.add(fakeGuest(fakeMachine({ exit: {} }), [oops]));
	await gone.machineEnds(fakeMachine());
	await gone.settle({ hasFailed: true });
	t.deepEqual(gone.observed.guestKernel?.reports, []);
});

test('of a guest that was held up on purpose, stalls are notes, and nothing else is', async t => {
	const { watching, names } = watch(t);
	const machine = fakeMachine();
	watching.add(fakeGuest(machine, [stall, oops]));
	watching.holdUp('the vCPU was paused');
	watching.holdUp('it was paused again');
	await watching.settle({ hasFailed: false });
	t.deepEqual(names().guest, ['oops']);
	t.deepEqual(
		watching.observed.guestKernel?.known.map(one => one.reason),
		['the vCPU was paused, so the guest lost time'],
	);
});

test('a message that the case provokes is a note', async t => {
	const { watching, names } = watch(t);
	watching.add(fakeGuest(fakeMachine(), [oops, stall]));
	watching.expectTrouble({ name: 'own', of: 'guest', pattern: 'Internal error: Oops', reason: 'the case provokes it' });
	await watching.settle({ hasFailed: false });
	t.deepEqual(names().guest, ['rcu-stall']);
	t.deepEqual(
		watching.observed.guestKernel?.known.map(one => one.name),
		['own'],
	);
});

test("the host's log counts from the mark on, by the processes that it names", async t => {
	const told: (readonly number[])[] = [];
	const host = fakeHost([
		'<0>[   20.0] Internal error: Oops: 0000000096000004 [#1] SMP',
		'<4>[   20.0] CPU: 0 UID: 0 PID: 101 Comm: qemu-system-aar Not tainted 6.12.0 #1',
		'<0>[   30.0] BUG: Bad page state in process perf  pfn:12345',
		'<4>[   30.0] CPU: 0 UID: 0 PID: 200 Comm: qemu-system-aar Not tainted 6.12.0 #1',
	]);
	const lease = {
		tellProcesses: (pids: readonly number[]) => void told.push(pids),
		// A thread that two cells claim is this one's as well.
		othersProcesses: async () => [101, 200],
	};
	const { watching, names, artifacts } = watch(t, host, lease);
	await watching.begin();
	await watching.machineStarted(fakeMachine());
	t.deepEqual(told, [[100, 100, 101]]);
	await watching.end();
	t.deepEqual(names().host, ['oops']);
	t.is(watching.observed.hostKernel?.known.length, 1);
	t.is(watching.observed.hostKernel?.unread, null);
	t.is(readFileSync(path.join(artifacts, 'host-kernel.log'), 'utf8').split('\n').length, 5);
});

test('a quiet host leaves no file, and others are not asked for their processes', async t => {
	const lease = { othersProcesses: async () => t.fail('asked') as never };
	const { watching, artifacts } = watch(t, fakeHost([]), lease);
	await watching.begin();
	await watching.end();
	t.deepEqual(watching.observed.hostKernel, { unread: null, reports: [], known: [] });
	t.throws(() => readFileSync(path.join(artifacts, 'host-kernel.log')), { code: 'ENOENT' });
});

test('a host whose log cannot be read at the end, or could not at the start, says so and fails nothing', async t => {
	const { watching } = watch(t, fakeHost(new Error('no connection')));
	t.is(watching.observed.hostKernel, undefined);
	await watching.end();
	t.is(watching.observed.hostKernel, undefined);
	await watching.begin();
	await watching.end();
	t.deepEqual(watching.observed.hostKernel, {
		unread: { reason: 'no connection', expected: true },
		reports: [],
		known: [],
	});
	const none = {
		kind: 'local',
		run: async () => ({ stdout: Buffer.from('none\nnot permitted\n') }),
	} as unknown as Host;
	const refused = watch(t, none).watching;
	await refused.begin();
	await refused.end();
	t.deepEqual(refused.observed.hostKernel?.unread, { reason: 'not permitted', expected: true });
});

test('processes are told where cells share a host, of machines that run', async t => {
	const told: (readonly number[])[] = [];
	const lease = { tellProcesses: (pids: readonly number[]) => void told.push(pids) };
	await watch(t, fakeHost([], { kind: 'board' }), lease).watching.machineStarted(fakeMachine());
	await watch(t, fakeHost([]), lease).watching.machineStarted(fakeMachine({ exit: {} }));
	t.deepEqual(told, []);
	const { watching } = watch(t, fakeHost([]), lease);
	await watching.machineStarted(fakeMachine());
	await watching.settle({ hasFailed: false });
	t.is(told.length, 2);
	const gone = {
		...fakeHost([]),
		run: async () => {
			throw new Error('gone');
		},
	} as unknown as Host;
	await watch(t, gone, lease).watching.machineStarted(fakeMachine());
	t.deepEqual(told.at(-1), [100]);
});

test('in a cell that failed, what each console showed is kept once, and nothing of a machine that still answers', async t => {
	const { watching } = watch(t);
	const ended = fakeMachine({ lines: ['last words'], exit: {} });
	const running = fakeMachine({ lines: ['all is well'] });
	await watching.machineStarted(ended);
	await watching.machineStarted(running);
	watching.add(fakeGuest(ended, undefined));
	await watching.settle({ hasFailed: true });
	t.deepEqual(watching.observed.guestKernel?.lastLines, ['last words']);
	t.false('hostKernel' in watching.observed);
	t.false('guestKernel' in watch(t).watching.observed);
});

test('a message that is known for some kernels goes by the release of the kernel that logged it', async t => {
	const facts = { kernel: { release: '5.10.0' } } as Lease['facts'];
	const { watching, names } = watch(t, fakeHost([`<0>${oops}`]), { facts });
	for (const whose of ['guest', 'host'] as const) {
		watching.expectTrouble({
			name: whose,
			of: whose,
			from: '6.1',
			pattern: 'Internal error',
			reason: 'known since 6.1',
		});
	}
	await watching.begin();
	watching.add(fakeGuest(fakeMachine(), [oops]));
	await watching.settle({ hasFailed: false });
	await watching.end();
	t.deepEqual(names(), { guest: [], host: ['oops'] });
});

test('what is known and shown on a console alone is a note too', async t => {
	const { watching, names } = watch(t);
	const machine = fakeMachine({ lines: [oops, stall] });
	await watching.machineStarted(machine);
	watching.add(fakeGuest(machine, []));
	watching.expectTrouble({ name: 'own', of: 'guest', pattern: 'Internal error', reason: 'the case provokes it' });
	await watching.settle({ hasFailed: false });
	t.deepEqual(names().guest, ['rcu-stall']);
});
