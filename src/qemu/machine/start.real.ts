import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { localHost } from '../../host/local.ts';
import { connectQmp } from '../../qmp/connect.ts';
import { QemuError } from '../errors.ts';
import { realGuest } from '../testing/real.ts';
import { pinThread, vcpuThreads } from '../vcpu.ts';
import { startMachine } from './start.ts';

const patience = { timeoutMs: 120_000 };

test.serial('a guest boots, answers and is shut down; its artifacts tell of it', async t => {
	const artifacts = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(artifacts, { recursive: true, force: true }));
	await using host = localHost();
	const spec = { ...(await realGuest()), vcpus: 2, ports: ['data'], trace: ['cpu_reset'] };
	const machine = await startMachine(host, spec, { artifacts });
	await using owned = machine;
	t.like(await machine.shell.run('uname -m; echo oops >&2; exit 3', patience), {
		status: 3,
		stdout: Buffer.from('aarch64\n'),
		stderr: Buffer.from('oops\n'),
	});
	t.true(machine.timings.shellMs! > machine.timings.greetingMs);

	// The other end of the port is the guest's first virtio port.
	const arrived = once(machine.ports.data!, 'data');
	t.like(await machine.shell.run('echo across > /dev/vport0p1 || ls -l /dev/vport*', patience), { status: 0 });
	t.deepEqual(await arrived, [Buffer.from('across\n')]);

	const threads = await vcpuThreads(machine.qmp);
	t.deepEqual(
		threads.map(({ index }) => index),
		[0, 1],
	);
	t.is(await pinThread(host, threads[1]!.threadId, '0'), '0');
	const before = await machine.diagnoseVcpus();
	t.deepEqual(
		before.map(({ affinity }) => affinity === '0'),
		[false, true],
	);
	t.true(before.every(({ verdict }) => verdict === 'idle' || verdict === 'runs'));
	await machine.qmp.execute('stop');
	t.true((await machine.diagnoseVcpus({ sampleMs: 100 })).every(({ verdict }) => verdict === 'stopped'));
	await t.throwsAsync(pinThread(host, threads[1]!.threadId, '4000'), {
		message: /could not be pinned to host CPUs 4000/,
	});
	await t.throwsAsync(pinThread(host, threads[1]!.threadId, 'all'), { message: /'all' is not a list of host CPUs/ });

	const folder = path.dirname(machine.logPath);
	t.true(existsSync(folder));
	t.like(await machine.shutdown(), { by: 'qmp-quit', forced: false });
	t.false(existsSync(folder));
	t.deepEqual(Object.keys(machine.artifacts).sort(), [
		'argv.json',
		'console.log',
		'console.timing',
		'qemu.stderr',
		'qmp.ndjson',
		'trace.log',
	]);
	t.regex(await readFile(path.join(artifacts, 'trace.log'), 'utf8'), /^cpu_reset 0$/m);
	t.true((await readFile(path.join(artifacts, 'console.log'))).length > 0);
	t.truthy(owned);
});

test.serial('a shell that is opened again after a restart does not fail because the old one saw it', async t => {
	await using host = localHost();
	await using machine = await startMachine(host, { ...(await realGuest()), reboot: true });
	await machine.shell.ready(patience);
	// As a shell reports it that is still open when the agent of the new kernel answers.
	machine.console.report({ kind: 'reboot', line: 'its agent restarted', atMs: performance.now(), fatal: true });
	await t.throwsAsync(machine.shell.run('true', patience), { message: /rebooted/ });
	await machine.reopenShell();
	t.like(await machine.shell.run('true', patience), { status: 0 });
});

test.serial('QEMU that is killed while a command runs in the guest', async t => {
	await using host = localHost();
	await using machine = await startMachine(host, await realGuest());
	await machine.shell.ready(patience);
	const running = machine.shell.run('sleep 60', patience);
	const failed = t.throwsAsync(running, { instanceOf: QemuError });
	process.kill(machine.process.pid, 'SIGKILL');
	t.like(await failed, { failure: 'killed', exit: { status: null, signal: 'SIGKILL' } });
	t.like(await machine.shutdown(), { by: 'exited', forced: false });
});

test.serial('a machine that somebody else stops is told so, and from what QMP says', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	// QEMU makes a socket in it, as another user.
	await chmod(folder, '777');
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	await using host = localHost();
	const other = path.join(folder, 'qmp');
	const spec = { ...(await realGuest()), extra: ['-qmp', `unix:${other},server=on,wait=off`] };
	await using machine = await startMachine(host, spec);
	await machine.shell.ready(patience);
	const running = machine.shell.run('sleep 100', patience);
	const failed = t.throwsAsync(running, { instanceOf: QemuError });
	await using stranger = await connectQmp(other);
	await stranger.execute('stop');
	t.like(await failed, { failure: 'stopped', blame: 'qemu' });
	t.regex((await failed)!.message, /run state 'paused': no command of this session stopped it/);
	t.deepEqual(machine.unexpectedEvents, [{ event: 'STOP' }]);
	await stranger.execute('cont');
	// The guest runs again and answers requests.
	t.like(await machine.shell.run('true', patience), { status: 0 });
});

test.serial('a guest that powers off ends QEMU, and a stuck QEMU is ended by force', async t => {
	await using host = localHost();
	const spec = await realGuest();
	await using first = await startMachine(host, spec);
	await first.shell.ready(patience);
	const error = await t.throwsAsync(first.shell.run('poweroff -f; sleep 60', patience), { instanceOf: QemuError });
	t.is(error.message, 'the guest ended its machine (guest-shutdown) while a command ran in the guest');
	t.deepEqual(await first.process.exited, { status: 0, signal: null });

	await using second = await startMachine(host, { ...spec, paused: true }, { budgets: { quitMs: 300, termMs: 300 } });
	await second.process.kill('SIGSTOP');
	t.like(await second.shutdown(), { by: 'SIGKILL', forced: true, exit: { signal: 'SIGKILL' } });
});

test.serial('a console that floods blocks neither QMP nor the end', async t => {
	await using host = localHost();
	await using machine = await startMachine(host, await realGuest());
	await machine.shell.ready(patience);
	const flood = machine.shell.run(
		'yes 0123456789012345678901234567890123456789012345678901234567890123456789 >/dev/console',
	);
	flood.catch(() => undefined);
	await machine.console.waitFor(/(?:0123456789){7}\r?\n(?:0123456789){7}/, patience);
	t.like(await machine.qmp.execute('query-status'), { status: 'running' });
	t.like(await machine.shutdown(), { by: 'qmp-quit', forced: false });
});

test.serial('a command line that QEMU refuses: its own words', async t => {
	await using host = localHost();
	const spec = { ...(await realGuest()), cpu: 'cortex-a72', cpuProperties: { nonsense: true } };
	const error = await t.throwsAsync(startMachine(host, spec), { instanceOf: QemuError });
	t.is(error?.failure, 'exited');
	t.regex(error!.message, /Property 'cortex-a72-arm-cpu.nonsense' not found/);
	const kvm = await t.throwsAsync(startMachine(host, { ...spec, cpuProperties: {}, accel: 'kvm' }), {
		instanceOf: QemuError,
	});
	t.regex(kvm!.message, /invalid accelerator kvm|Could not access KVM/);
});
