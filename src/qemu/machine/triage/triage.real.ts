import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { GuestError } from '../../../guest/errors.ts';
import { FaultyKernel, gdbArguments, provoke } from '../../../guest/testing/gdb-stub.ts';
import { localHost } from '../../../host/local.ts';
import { realGuest } from '../../testing/real.ts';
import { startMachine } from '../start.ts';

test('a guest whose kernel never returns from a system call: a hang, with what the kernel says of it', async t => {
	const artifacts = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	// QEMU makes a socket in it, as another user.
	await chmod(artifacts, '777');
	t.teardown(() => rm(artifacts, { recursive: true, force: true }));
	await using host = localHost();
	const guest = await realGuest();
	const gdb = path.join(artifacts, 'gdb');
	const spec = { ...guest, append: `${guest.append} sysrq_always_enabled nowatchdog`, extra: gdbArguments(gdb) };
	await using machine = await startMachine(host, spec, { artifacts, shell: { silenceMs: 4000 } });
	await machine.shell.ready({ timeoutMs: 120_000 });
	const kernel = await FaultyKernel.open(machine.shell, gdb);
	await kernel.plant('endless-loop');
	const error = await t.throwsAsync(machine.shell.run(provoke, { timeoutMs: 200_000 }));
	t.true(error instanceof GuestError, `${error}`);
	t.is((error as GuestError).kind, 'hang');
	const text = await readFile(path.join(artifacts, 'triage.txt'), 'utf8');
	t.log(`${text.length} characters of triage`);
	const section = (title: string) => text.split('== ').find(part => part.startsWith(title)) ?? '';
	t.regex(section('run state'), /"status":"running"/);
	t.regex(section('vCPUs'), /vCPU 0/);
	t.regex(section('registers'), /PC=[0-9a-f]{16}/);
	// The backtrace names the program on the CPU and its location.
	t.regex(section('kernel backtraces'), /sysrq: Show backtrace of all active CPUs/);
	t.regex(section('kernel backtraces'), /Comm: workload.*__arm64_sys_getppid/s);
	t.regex(section('kernel backtraces'), /sysrq: Show Blocked State/);
	t.regex(section('stacks of QEMU'), /Thread \d+|has no gdb/);
	t.regex(section('last of QMP'), /"execute":"cont"/);
	t.is(machine.artifacts['triage.txt'], path.join(artifacts, 'triage.txt'));
});
