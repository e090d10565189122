import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type { ProcessExit } from '../../host/host.ts';
import { VpmuError } from '../../lib/errors.ts';
import { QemuError } from '../errors.ts';
import { plainHost } from '../testing/hosts.ts';
import { QemuProcess, startProcess } from './process.ts';

const host = plainHost();
const sh = (script: string, options = {}) => startProcess(host, ['sh', '-c', script], options);

/** Limits for shutdown steps that must end a process, however long they take. */
const patient = { quitMs: 600_000, termMs: 600_000, killMs: 600_000 };

/** Resolves when the script has written a line to stderr, because its traps are set by then. */
const ready = async (qemu: QemuProcess) => {
	while (qemu.stderrLines().length === 0) await new Promise(resolve => setTimeout(resolve, 5));
};

test('an exit is reported with status, last lines, and a sentence', async t => {
	await using qemu = await sh('echo one >&2; echo two >&2; exit 3');
	const error = await qemu.deathError('it was asked nothing');
	t.is(error.message, 'QEMU ended with status 3 while it was asked nothing: two');
	t.is(error.blame, 'qemu');
	t.is(error.failure, 'exited');
	t.deepEqual(error.exit, { status: 3, signal: null });
	t.deepEqual(error.evidence, ['one', 'two']);
	t.like(await qemu.shutdown(), { by: 'exited', forced: false, exit: { status: 3, signal: null } });
});

test('a death by a signal names the signal', async t => {
	await using qemu = await sh('kill -ABRT $$');
	const error = await qemu.deathError('asked');
	t.is(error.message, 'QEMU was killed by SIGABRT while asked');
	t.is(error.failure, 'killed');
});

test('only the end of endless stderr is kept', async t => {
	await using qemu = await sh(
		'i=0; while [ $i -lt 3000 ]; do echo "line $i, rather long so that it fills the buffer"; i=$((i+1)); done >&2',
	);
	const { evidence } = await qemu.deathError('writing');
	t.is(evidence.length, 20);
	t.true(evidence.at(-1)!.startsWith('line 2999,'));
	t.true(qemu.stderrLines(Infinity).length < 2000);
});

test('orDeath: an answer, an error, an end in between', async t => {
	await using living = await sh('sleep 20');
	t.is(await living.orDeath('asked', Promise.resolve(7)), 7);
	await t.throwsAsync(living.orDeath('asked', Promise.reject(new Error('no'))), { message: 'no' });
	await using dying = await sh('sleep 0.1; echo gone >&2; exit 1');
	const error = await t.throwsAsync(dying.orDeath('waiting', new Promise(() => undefined)), { instanceOf: QemuError });
	t.is(error?.message, 'QEMU ended with status 1 while waiting: gone');
});

test('orDeath: a closed connection means that the process is ending', async t => {
	await using dying = await sh('sleep 0.1; exit 1');
	const closed = Object.assign(new Error('connection closed'), { code: 'QMP_DISCONNECTED' });
	const error = await t.throwsAsync(dying.orDeath('asked', Promise.reject(closed)), { instanceOf: QemuError });
	t.is(error?.cause, closed);
});

test("orDeath: the first cause of QEMU's end is kept", async t => {
	await using dying = await sh('exit 0');
	// The last output is read only after the end was seen.
	const panic = dying.exited.then(() => delay(1)).then(() => Promise.reject(new Error('kernel panic')));
	await t.throwsAsync(dying.orDeath('waiting', panic), { message: 'kernel panic' });
});

test('the loss of a host is not reported as the death of QEMU', async t => {
	const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>();
	const stdout = new PassThrough();
	const scripted = plainHost({
		name: 'ssh://lab',
		spawn: async () => ({
			pid: 1,
			stdin: new PassThrough(),
			stdout,
			stderr: new PassThrough(),
			exited,
			kill: async () => undefined,
			[Symbol.asyncDispose]: async () => undefined,
		}),
	});
	await using qemu = await startProcess(scripted, ['qemu']);
	stdout.destroy(new VpmuError('connection reset', { blame: 'board' }));
	resolve({ status: null, signal: 'SIGHUP' });
	const error = await qemu.deathError('asked');
	t.is(error.message, 'ssh://lab was lost while asked: connection reset');
	t.is(error.failure, 'host-lost');
	t.is(error.blame, 'board');
	t.is(error.exit, null);
});

test('shutdown: quit is enough', async t => {
	await using qemu = await sh('sleep 20');
	const record = await qemu.shutdown({ ...patient, quit: () => qemu.kill('SIGTERM') });
	t.like(record, { by: 'qmp-quit', forced: false, exit: { status: null, signal: 'SIGTERM' } });
	t.is(QemuProcess.noteOf(record), null);
	t.is(await qemu.shutdown(), record);
});

test('shutdown: without QMP, SIGTERM is enough', async t => {
	await using qemu = await sh('sleep 20');
	t.like(await qemu.shutdown(patient), { by: 'SIGTERM', forced: false });
});

test('shutdown: a hanging quit is followed by SIGTERM, which is noted', async t => {
	await using qemu = await sh('sleep 20');
	const record = await qemu.shutdown({ ...patient, quit: () => new Promise(() => undefined), quitMs: 50 });
	t.like(record, { by: 'SIGTERM', forced: true });
	t.regex(QemuProcess.noteOf(record)!, /ended by SIGTERM/);
});

test('shutdown: a process that ignores SIGTERM is killed', async t => {
	await using qemu = await sh('trap "" TERM; echo ready >&2; while :; do sleep 0.05; done');
	await ready(qemu);
	const record = await qemu.shutdown({ ...patient, quit: () => Promise.reject(new Error('closed')), termMs: 50 });
	t.like(record, { by: 'SIGKILL', forced: true, exit: { status: null, signal: 'SIGKILL' } });
});

test('shutdown: a stopped process is killed', async t => {
	await using qemu = await sh('echo ready >&2; exec sleep 20');
	await ready(qemu);
	await qemu.kill('SIGSTOP');
	// Of two pending signals the kernel delivers SIGTERM first, whichever was sent first.
	while (!/\) T /.test(await readFile(`/proc/${qemu.pid}/stat`, 'utf8')))
		await new Promise(resolve => setTimeout(resolve, 5));
	t.like(await qemu.shutdown({ ...patient, termMs: 50 }), { by: 'SIGKILL', forced: true });
});

test('programs that cannot be run are named', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = async (name: string, content: string | Buffer, mode = 0o755) => {
		await writeFile(path.join(folder, name), content);
		await chmod(path.join(folder, name), mode);
		return path.join(folder, name);
	};
	const elf = Buffer.alloc(256);
	elf.write('\x7fELF\x02\x01\x01', 'latin1');
	elf.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
	const strange = Buffer.from(elf);
	strange.writeUInt16LE(4711, 18);
	// As patchelf leaves a file: the loader's name is at its end.
	const patched = Buffer.alloc(10_000);
	elf.copy(patched);
	patched.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18);
	patched.writeBigUInt64LE(64n, 32);
	patched.writeUInt16LE(56, 54);
	patched.writeUInt16LE(1, 56);
	patched.writeUInt32LE(3, 64);
	patched.writeBigUInt64LE(9000n, 72);
	patched.writeBigUInt64LE(20n, 96);
	patched.write('/nowhere/ld-linux.so', 9000, 'latin1');
	const cases = [
		[path.join(folder, 'absent'), 'missing', /^there is no program '.*absent' on local$/],
		[await file('plain', '#!/bin/sh\n', 0o644), 'not-executable', /may not be executed/],
		[folder, 'not-executable', /is a folder/],
		[await file('noise', Buffer.from('\0\0\0\0no program')), 'not-executable', /neither an ELF program nor a script/],
		[await file('foreign', elf), 'wrong-architecture', /is a program for \S+, but local is \S+/],
		[await file('strange', strange), 'wrong-architecture', /is a program for ELF machine 4711, but local is \S+/],
		[await file('patched', patched), 'missing-library', /needs \/nowhere\/ld-linux\.so, which is not on local/],
		[await file('crlf', '#!/bin/sh\r\nexit 0\r\n'), 'not-executable', /script with carriage returns/],
		[
			await file('script', '#!/nowhere/interpreter -x\n'),
			'missing-library',
			/needs \/nowhere\/interpreter, which is not/,
		],
	] as const;
	for (const [program, failure, message] of cases) {
		const error = await t.throwsAsync(
			async () => {
				await using qemu = await startProcess(host, [program, '-x']);
				throw await qemu.deathError('starting');
			},
			{ instanceOf: QemuError, message },
		);
		t.is(error?.failure, failure);
		// What a helper of ours says of such a program is not evidence.
		if (failure !== 'missing-library') t.deepEqual(error?.evidence, []);
		t.is(error?.blame, failure === 'missing-library' ? 'host' : 'user');
	}
	await using wrapped = await startProcess(host, ['taskset', '-c', '0', path.join(folder, 'absent')]);
	t.regex((await wrapped.deathError('starting')).message, /^there is no program '.*absent' on local$/);
	await t.throwsAsync(startProcess(host, ['qemu-system-nothing']), {
		message: /there is no program 'qemu-system-nothing'/,
	});
});

test('a missing library is named', async t => {
	await using qemu = await sh(
		'echo "qemu: error while loading shared libraries: libfdt.so.1: cannot open shared object file: No such file" >&2; exit 127',
	);
	const error = await qemu.deathError('starting');
	t.is(error.failure, 'missing-library');
	t.regex(error.message, /libfdt\.so\.1/);
});
