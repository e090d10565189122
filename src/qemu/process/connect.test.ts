import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { poll } from '../../lib/waiting/deadline.ts';
import type { QemuError } from '../errors.ts';
import type { Script } from '../testing/fake-qemu.ts';
import { fakeQemu, scriptedHost } from '../testing/machines.ts';
import { connectWhenReady } from './connect.ts';
import { startProcess } from './process.ts';

/** A limit that no test reaches, however slow the machine is. */
const patient = { timeoutMs: 600_000 };

async function start(t: ExecutionContext, script: Script) {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const socketPath = path.join(folder, 'qmp');
	const attempts: boolean[] = [];
	const local = scriptedHost(script);
	const host = scriptedHost(script, {
		kind: 'ssh',
		connect: async (target, options) => {
			attempts.push(qemu.isAnnounced);
			return await local.connect(target, options);
		},
	});
	const qemu = await startProcess(host, [
		...fakeQemu,
		'-chardev',
		`socket,id=qmp,path=${socketPath},server=on,wait=on`,
	]);
	t.teardown(() => qemu[Symbol.asyncDispose]());
	return { qemu, socketPath, attempts };
}

test('on another host a socket is looked for only after QEMU has announced it', async t => {
	const { qemu, socketPath, attempts } = await start(t, { socketsAfterMs: 100 });
	const socket = await connectWhenReady(qemu, socketPath, { ...patient, announced: true, seldomMs: 600_000 });
	socket.destroy();
	t.deepEqual(attempts, [true]);
});

test('a socket is also found if QEMU announces it late or never', async t => {
	const { qemu, socketPath, attempts } = await start(t, { socketsAfterMs: 100 });
	const socket = await connectWhenReady(qemu, socketPath, { ...patient, announced: true, seldomMs: 1 });
	socket.destroy();
	t.true(attempts.length >= 1);
});

test('a QEMU that had the time to create its socket and did not is to blame', async t => {
	const { qemu, socketPath } = await start(t, { noSockets: true });
	const attempt = async () => (await t.throwsAsync(connectWhenReady(qemu, socketPath, { timeoutMs: 1 })))!;
	// QEMU is excused while its host does not let it run.
	const error = await poll(
		'a QEMU that ran',
		async () => ((await attempt()) as QemuError).blame === 'qemu' || undefined,
		{},
	);
	t.true(error);
	await qemu.kill('SIGSTOP');
	const excused = await attempt();
	t.like(excused, { failure: 'no-qmp', blame: 'host' });
	t.regex(excused.message, /\(it was stopped by a signal\)$/);
});
