import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { poll } from '../lib/waiting/deadline.ts';
import { plainHost } from './testing/hosts.ts';
import { diagnoseVcpus, parseThreadStat, type QmpAsk } from './vcpu.ts';

const busy = 'while :; do :; done';

function startProcess(t: ExecutionContext, argv: readonly string[]): number {
	const child = spawn(argv[0]!, argv.slice(1), { stdio: 'ignore' });
	t.teardown(() => child.kill('SIGKILL'));
	return child.pid!;
}

const timesOf = async (pid: number) => parseThreadStat(await readFile(`/proc/${pid}/task/${pid}/stat`, 'latin1'))!;
const ticksOf = async (pid: number) => {
	const times = await timesOf(pid);
	return times.userTicks + times.systemTicks;
};

const nameOf = async (pid: number) => (await readFile(`/proc/${pid}/comm`, 'latin1')).trim();

/** Starts a busy loop by a command that ends in it, and waits until it loops: while it is loaded, it sleeps. */
async function startBusy(t: ExecutionContext, ...words: readonly string[]): Promise<number> {
	const pid = startProcess(t, [...words, 'sh', '-c', busy]);
	const loops = async () => (await nameOf(pid)) === 'sh' && (await timesOf(pid)).userTicks >= 3;
	await poll('a busy loop', async () => (await loops()) || undefined, {});
	return pid;
}

/** Starts a process that sleeps, and waits until it does. */
async function startSleeper(t: ExecutionContext): Promise<number> {
	const pid = startProcess(t, ['sleep', '600']);
	const name = () => nameOf(pid);
	await poll(
		'a sleeper',
		async () => ((await name()) === 'sleep' && (await timesOf(pid)).state === 'S') || undefined,
		{},
	);
	return pid;
}

/** Diagnoses a QEMU whose only vCPU is a separate process; `onTrace` is called while `kvm_run_exit` is enabled. */
async function diagnose(t: ExecutionContext, pid: number, onTrace: (log: string) => Promise<unknown>, running = true) {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const logPath = path.join(folder, 'log');
	await writeFile(logPath, '');
	let isOn = false;
	let tracing: Promise<unknown> = Promise.resolve();
	const qmp: QmpAsk = {
		execute: async (command, args) => {
			if (command === 'query-cpus-fast') return [{ 'cpu-index': 0, 'thread-id': pid, 'qom-path': '/cpu' }];
			if (command === 'query-status') return { running };
			isOn = args?.enable === true;
			if (isOn) {
				tracing = (async () => {
					while (isOn) {
						await onTrace(logPath);
						await delay(1);
					}
				})();
			} else await tracing;
			return {};
		},
	};
	const [vcpu] = await diagnoseVcpus({ host: plainHost(), qmp, pid, logPath }, { sampleMs: 50 });
	return vcpu!;
}

const refusal = 'kvm_run_exit cpu_index 0, reason 9\n';

test('a vCPU that KVM refuses is found however late its host lets it run', async t => {
	// Simulates load: three processes on one CPU. The process in the idle class gets only what the others leave.
	startProcess(t, ['taskset', '-c', '0', 'sh', '-c', busy]);
	startProcess(t, ['taskset', '-c', '0', 'sh', '-c', busy]);
	const pid = await startBusy(t, 'nice', '-n', '10', 'taskset', '-c', '0');
	const from = await ticksOf(pid);
	let seen = from;
	const vcpu = await diagnose(t, pid, async log => {
		const now = await ticksOf(pid);
		// KVM refuses the vCPU whenever it runs, and only then.
		if (now > seen) await appendFile(log, refusal.repeat(now - seen));
		seen = now;
	});
	t.is(vcpu.verdict, 'cannot-enter');
	t.true(vcpu.exits.KVM_EXIT_FAIL_ENTRY! >= 2);
	t.regex(
		vcpu.text,
		/^vCPU 0 \(thread \d+, on host CPU 0, allowed 0\) makes no progress: KVM refused to enter it \d+ times/,
	);
});

test('a vCPU that works is not reported as idle, but one that sleeps is', async t => {
	const works = await diagnose(t, await startBusy(t), async () => undefined);
	t.true(works.verdict === 'runs' || works.verdict === 'waits', works.text);
	t.is((await diagnose(t, await startSleeper(t), async () => undefined)).verdict, 'idle');
	t.is((await diagnose(t, await startSleeper(t), async () => undefined, false)).verdict, 'stopped');
});

test('returns for other reasons are counted, and are not refusals', async t => {
	let lines = 'kvm_run_exit cpu_index 0, reason 6\n'.repeat(3) + refusal;
	const vcpu = await diagnose(t, await startSleeper(t), async log => {
		await appendFile(log, lines);
		lines = '';
	});
	t.deepEqual(vcpu.exits, { KVM_EXIT_MMIO: 3, KVM_EXIT_FAIL_ENTRY: 1 });
	t.is(vcpu.verdict, 'idle');
});
