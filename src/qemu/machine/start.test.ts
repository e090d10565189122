import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { HostFolder } from '../../host/host.ts';
import { UsageError } from '../../lib/errors.ts';
import { poll } from '../../lib/waiting/deadline.ts';
import { QmpError } from '../../qmp/errors.ts';
import { QemuError } from '../errors.ts';
import type { Script } from '../testing/fake-qemu.ts';
import { plainHost } from '../testing/hosts.ts';
import { fakeQemu, fakeSpec, scriptedHost } from '../testing/machines.ts';
import { type StartOptions, startMachine } from './start.ts';

/** Makes a host with the fake QEMU. The test fails if a folder or process is left over. */
function watchedHost(t: ExecutionContext, script: Script) {
	const pids: number[] = [];
	const folders: HostFolder[] = [];
	const inner = scriptedHost(script);
	t.teardown(async () => {
		for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, `process ${pid} was left`);
		for (const folder of folders) await assert.rejects(readdir(folder.path), { code: 'ENOENT' });
	});
	return scriptedHost(script, {
		spawn: async (argv, options) => {
			const child = await inner.spawn(argv, options);
			pids.push(child.pid);
			return child;
		},
		makeFolder: async () => {
			const folder = await inner.makeFolder();
			folders.push(folder);
			return folder;
		},
	});
}

async function artifactsFolder(t: ExecutionContext): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

async function failedStart(t: ExecutionContext, script: Script, options: StartOptions = {}) {
	return await t.throwsAsync(startMachine(watchedHost(t, script), fakeSpec, options));
}

test('a machine is connected and running, and everything it did is recorded', async t => {
	const artifacts = await artifactsFolder(t);
	const host = watchedHost(t, { console: 'hello\r\n', log: 'kvm_arm_set_pmu type 10 ret 0\n', socketsAfterMs: 100 });
	const machine = await startMachine(host, { ...fakeSpec, ports: ['agent'] }, { artifacts });
	t.deepEqual(await machine.qmp.execute('query-status'), { status: 'running', running: true });
	t.truthy((await machine.console.waitFor('hello', { timeoutMs: 600_000 })).match);
	t.is(machine.ports.agent?.readyState, 'open');
	t.like((await machine.readLog()).events[0], { numbers: { type: 10, ret: 0 } });
	t.true(machine.timings.greetingMs >= machine.timings.spawnMs);
	t.is(machine.timings.shellMs, null);
	const record = await machine.shutdown();
	t.like(record, { by: 'qmp-quit', forced: false, exit: { status: 0, signal: null } });
	t.is(await machine.shutdown(), record);

	const read = (name: string) => readFile(path.join(artifacts, name), 'utf8');
	t.deepEqual(Object.keys(machine.artifacts).sort(), (await readdir(artifacts)).sort());
	t.deepEqual(JSON.parse(await read('argv.json')).argv, machine.argv);
	t.is(await read('console.log'), 'hello\r\n');
	const pieces = [...(await read('console.timing')).matchAll(/^(\d+\.\d{6}) (\d+)$/gm)];
	t.is(
		pieces.reduce((sum, [, , bytes]) => sum + Number(bytes), 0),
		7,
	);
	t.true(Number(pieces[0]![1]) < 60);
	t.is(await read('trace.log'), 'kvm_arm_set_pmu type 10 ret 0\n');
	const recorded = (await read('qmp.ndjson'))
		.trimEnd()
		.split('\n')
		.map(line => JSON.parse(line));
	t.deepEqual([...new Set(recorded.map(({ direction }) => direction))].sort(), ['received', 'sent']);
	t.true(recorded.some(({ message }) => message.execute === 'quit'));
});

test('the announcement of QEMU sockets is not evidence', async t => {
	await using machine = await startMachine(scriptedHost({}, { kind: 'ssh' }), fakeSpec);
	t.deepEqual(machine.process.stderrLines(), []);
	await machine.qmp.execute('query-status');
});

test('a QEMU that greets and then refuses to start is not a machine, whether its vCPUs should run or not', async t => {
	for (const paused of [true, false]) {
		const host = watchedHost(t, { replies: { qmp_capabilities: 'die:1:Failed to retrieve host CPU features' } });
		const error = await t.throwsAsync(startMachine(host, { ...fakeSpec, console: false, paused }), {
			instanceOf: QemuError,
			message: /^QEMU ended with status 1 while .*: Failed to retrieve host CPU features$/,
		});
		t.like(error, { failure: 'exited', exit: { status: 1 } });
	}
});

test('without a console there is no shell', async t => {
	const host = watchedHost(t, {});
	await using machine = await startMachine(host, { ...fakeSpec, console: false, paused: true });
	t.throws(() => machine.console, { instanceOf: UsageError, message: /has no console/ });
	t.throws(() => machine.shell, { instanceOf: UsageError });
});

test("a refused command line is reported with QEMU's own message and log", async t => {
	const artifacts = await artifactsFolder(t);
	const stderr = 'qemu: Failed to retrieve host CPU features\n';
	const error = await failedStart(
		t,
		{ dieAtStart: { stderr, status: 1 }, log: 'kvm_arm_set_pmu type 9999 ret -6\n' },
		{ artifacts },
	);
	t.true(error instanceof QemuError);
	const { message, failure, log, evidence } = error as QemuError;
	t.is(message, 'QEMU ended with status 1 while its start was waited for: qemu: Failed to retrieve host CPU features');
	t.is(failure, 'exited');
	t.deepEqual(evidence, [stderr.trimEnd()]);
	t.like(log?.events[0], { event: 'kvm_arm_set_pmu', numbers: { type: 9999, ret: -6 } });
	t.is(await readFile(path.join(artifacts, 'trace.log'), 'utf8'), 'kvm_arm_set_pmu type 9999 ret -6\n');
	t.is(await readFile(path.join(artifacts, 'qemu.stderr'), 'utf8'), stderr);
});

test('a QEMU that never creates its socket is reported with the last system error', async t => {
	const error = await failedStart(t, { noSockets: true }, { timeoutMs: 700 });
	t.like(error, { failure: 'no-qmp' });
	t.is((error!.cause as NodeJS.ErrnoException).code, 'ENOENT');
});

test('a QEMU that accepts the connection and never answers is reported', async t => {
	const folder = await artifactsFolder(t);
	// Listens from the start, however long the fake takes to start.
	const silent = createServer(() => undefined).listen(path.join(folder, 'silent'));
	t.teardown(() => silent.close());
	const inner = watchedHost(t, { noSockets: true });
	const host = { ...inner, connect: () => inner.connect(path.join(folder, 'silent'), {}) };
	const attempt = async () => await t.throwsAsync(startMachine(host, fakeSpec, { timeoutMs: 500 }));
	// QEMU is excused while its host does not let it run.
	const error = await poll(
		'a QEMU that ran',
		async () => {
			const one = (await attempt()) as QemuError;
			return one.blame === 'qemu' ? one : undefined;
		},
		{},
	);
	t.like(error, { failure: 'no-qmp' });
	t.is(error.message, 'QEMU runs, but had not greeted over QMP after 500 ms');
	t.is((error.cause as QmpError).code, 'QMP_TIMEOUT');
});

test('a QEMU that dies of a command is reported with its signal and last output', async t => {
	const error = await failedStart(t, { replies: { cont: 'die:SIGABRT:assertion failed' } });
	t.like(error, {
		failure: 'killed',
		message: 'QEMU was killed by SIGABRT while its vCPUs were started: assertion failed',
		exit: { status: null, signal: 'SIGABRT' },
	});
	t.true((error as QemuError).cause instanceof QmpError);
});

test('an abort during the start ends it with the reason', async t => {
	const abort = new AbortController();
	const reason = new Error('enough');
	setTimeout(() => abort.abort(reason), 150);
	t.is(await failedStart(t, { noSockets: true }, { signal: abort.signal }), reason);
	t.is(await failedStart(t, {}, { signal: AbortSignal.abort(reason) }), reason);
});

test('a missing program is named', async t => {
	const spec = { ...fakeSpec, qemu: { command: ['/nowhere/qemu-system-aarch64'] } };
	const error = await t.throwsAsync(startMachine(plainHost(), spec), { instanceOf: QemuError });
	t.like(error, { failure: 'missing', blame: 'user' });
	t.regex(error!.message, /there is no program '\/nowhere\/qemu-system-aarch64' on local/);
});

test('a guest that powers off ends a wait for it', async t => {
	const host = watchedHost(t, { endAfterContMs: 50, console: 'bye\r\n' });
	await using machine = await startMachine(host, fakeSpec);
	const error = await t.throwsAsync(machine.orDeath('a prompt was waited for', new Promise(() => undefined)));
	t.like(error, { failure: 'exited', exit: { status: 0, signal: null } });
	t.like(await machine.shutdown(), { by: 'exited', forced: false });
});

test('a QEMU that no longer answers is killed, and that is reported', async t => {
	const notes: string[] = [];
	const host = watchedHost(t, { replies: { quit: 'hang' }, ignoreTerm: true });
	const budgets = { quitMs: 50, termMs: 50, killMs: 600_000 };
	const machine = await startMachine(host, fakeSpec, { budgets, onNote: note => notes.push(note) });
	t.like(await machine.shutdown(), { by: 'SIGKILL', forced: true });
	t.is(notes.length, 1);
	t.regex(notes[0]!, /ended by SIGKILL/);
});

test('artifacts that cannot be written are reported, and fail nothing', async t => {
	const artifacts = await artifactsFolder(t);
	const notes: string[] = [];
	await rm(artifacts, { recursive: true });
	const host = scriptedHost(
		{},
		{
			makeFolder: async () => {
				// Remove the artifacts' folder once the machine has started.
				await rm(artifacts, { recursive: true });
				return await plainHost().makeFolder();
			},
		},
	);
	const machine = await startMachine(host, fakeSpec, { artifacts, onNote: note => notes.push(note) });
	t.like(await machine.shutdown(), { by: 'qmp-quit' });
	t.deepEqual(machine.artifacts, {});
	t.true(
		notes.some(note => /^console\.log could not be written: ENOENT/.test(note)),
		notes.join('; '),
	);
});

test('the command is not touched', async t => {
	const host = watchedHost(t, {});
	await using machine = await startMachine(host, fakeSpec);
	t.deepEqual(machine.argv.slice(0, fakeQemu.length), fakeQemu);
});

for (const [stoppedState, blame, meaning] of [
	['paused', 'qemu', /no command of this session/],
	['io-error', 'host', /disk or image file/],
	['internal-error', 'qemu', /internal error/],
	['guest-panicked', 'guest', /panicked/],
	['a-state-of-a-later-qemu', 'qemu', /a-state-of-a-later-qemu/],
] as const) {
	test(`a machine that QEMU stopped (${stoppedState}) is reported as not running, not as a silent guest`, async t => {
		const host = watchedHost(t, {
			events: [{ event: 'BLOCK_IO_ERROR', data: { action: 'stop' } }, { event: 'STOP' }],
			stoppedState,
			stderr: 'fake: something odd\n',
		});
		await using machine = await startMachine(host, fakeSpec, { shell: { mode: 'framed' } });
		const error = await t.throwsAsync(machine.shell.run('true', { timeoutMs: 120_000 }), { instanceOf: QemuError });
		t.like(error, { failure: 'stopped', blame });
		t.regex(error!.message, /the machine is not running: QEMU stopped it .*event STOP, run state '/);
		t.regex(error!.message, meaning);
		t.true(error!.evidence.includes('event BLOCK_IO_ERROR (action stop)'));
		t.deepEqual(machine.unexpectedEvents, [{ event: 'BLOCK_IO_ERROR', data: { action: 'stop' } }, { event: 'STOP' }]);
		t.deepEqual(machine.process.unexplainedStderr, ['fake: something odd']);
	});
}

test('a wait continues while a machine is stopped for a moment', async t => {
	const events = [{ event: 'STOP' }, { event: 'RESUME' }];
	await using machine = await startMachine(watchedHost(t, { events }), fakeSpec, { shell: { mode: 'framed' } });
	// This is longer than a stop may last. The shell never answers, so the wait ends at its own limit.
	await t.throwsAsync(machine.shell.ready({ timeoutMs: 4000 }), { message: /did not answer on the console/ });
	t.is(machine.unexpectedEvents.length, 2);
});

test('events at the end of a machine are expected', async t => {
	const machine = await startMachine(watchedHost(t, {}), fakeSpec);
	await machine.shutdown();
	t.deepEqual(machine.unexpectedEvents, []);
});
