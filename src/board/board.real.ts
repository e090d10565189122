import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { Connections } from '../host/connections.ts';
import { HostError } from '../host/errors.ts';
import { sshHost } from '../host/ssh/host.ts';
import { debianQemu, openCache } from '../image/index.ts';
import { LockBusyError } from '../lib/files/lock.ts';
import { DeadlineError, poll } from '../lib/waiting/deadline.ts';
import { type Board, startBoard } from './start.ts';

const patience = 300_000;

let board: Board;
test.before(async t => {
	t.timeout(patience);
	board = await startBoard({ cache: await openCache(), topology: 'biglittle' });
});
test.after.always(() => board?.[Symbol.asyncDispose]());

const output = async (...argv: string[]) => (await board.run(argv, { timeoutMs: 60_000 })).stdout.toString().trim();

test.serial('it is a KVM host with two PMUs', async t => {
	t.is(await output('uname', '-m'), 'aarch64');
	t.is(await output('sh', '-c', '[ -c /dev/kvm ] && echo kvm'), 'kvm');
	const devices = '/sys/bus/event_source/devices';
	t.is(await output('sh', '-c', `cd ${devices}; cat armv8_cortex_a53/cpus armv8_cortex_a72/cpus`), '0\n1');
	t.is(await output('readlink', `${devices}/armv8_cortex_a72`), '../../../devices/platform/pmu-big/armv8_cortex_a72');
});

test.serial('overflow interrupts arrive at both PMUs, each at its own CPU', async t => {
	const interrupts = async () =>
		(await output('cat', '/proc/interrupts'))
			.split('\n')
			.filter(line => line.endsWith('arm-pmu'))
			.map(line => line.trim().split(/\s+/).slice(1, 3).map(Number))
			.reduce(([a = 0, b = 0], [x = 0, y = 0]) => [a + x, b + y], [0, 0]);
	for (const [cpu, name] of ['armv8_cortex_a53', 'armv8_cortex_a72'].entries()) {
		const before = await interrupts();
		// Check only the interrupts: the image's perf lacks what it needs to finish its file.
		const record = `taskset -c ${cpu} perf record -q -c 1000000 -e ${name}/cpu_cycles/ -o /tmp/p -- sleep 0.2`;
		await board.run(
			['sh', '-c', `${record}; taskset -c ${cpu} sh -c 'i=0; while [ $i -lt 9999 ]; do i=$((i+1)); done'`],
			{
				timeoutMs: 60_000,
			},
		);
		const after = await interrupts();
		t.true(after[cpu]! > before[cpu]!, `${name}: ${before} -> ${after}`);
		t.is(after[1 - cpu], before[1 - cpu]);
	}
});

test.serial('its clock is right, and its random numbers are its own', async t => {
	const seconds = Number(await output('date', '+%s'));
	t.true(Math.abs(seconds - Date.now() / 1000) < 60, `${seconds}`);
});

test.serial('how a command ended is reported correctly', async t => {
	for (const status of [0, 1, 137, 255]) {
		const result = await board.run(['sh', '-c', `exit ${status}`]);
		t.deepEqual([result.status, result.signal], [status, null]);
	}
	for (const signal of ['KILL', 'TERM', 'SEGV']) {
		const result = await board.run(['sh', '-c', `kill -${signal} $$; sleep 9`]);
		t.deepEqual([result.status, result.signal], [null, `SIG${signal}`]);
	}
	t.is((await board.run(['/missing'])).status, 127);
});

test.serial('arguments, environment, folder, input and both outputs arrive unchanged', async t => {
	const words = ['a b', "it's", '$HOME', '', '*', '--', '\n', 'ü'];
	const { stdout } = await board.run(['printf', '%s\\0', ...words]);
	t.deepEqual(stdout.toString().split('\0').slice(0, -1), words);
	const bytes = crypto.getRandomValues(new Uint8Array(60_000));
	const all = Buffer.concat(Array(5).fill(bytes));
	t.true((await board.run(['cat'], { stdin: all, timeoutMs: 60_000 })).stdout.equals(all));
	const shown = await board.run(['sh', '-c', 'echo "$X"; pwd; echo no >&2'], { env: { X: "a 'b" }, cwd: '/sys' });
	t.is(shown.stdout.toString(), "a 'b\n/sys\n");
	t.is(shown.stderr.toString(), 'no\n');
});

test.serial('a process has an id, takes signals, and ends with everything it started', async t => {
	const child = await board.spawn(['sh', '-c', 'sleep 600 & echo $!; wait']);
	const [inner] = (await once(child.stdout, 'data')) as [Buffer];
	t.is(await output('cat', `/proc/${child.pid}/comm`), 'sh');
	await child.kill('SIGTERM');
	t.deepEqual(await child.exited, { status: null, signal: 'SIGTERM' });
	await poll(
		'its child',
		async () => ((await board.run(['kill', '-0', String(inner).trim()])).status === 0 ? undefined : true),
		{
			timeoutMs: 20_000,
		},
	);
	await t.throwsAsync(board.run(['sleep', '600'], { timeoutMs: 500 }), { instanceOf: DeadlineError });
	t.is(await output('sh', '-c', 'ps | grep -c "[s]leep 600"'), '0');
});

test.serial('sockets: an error if nothing listens; data flows both ways', async t => {
	await using folder = await board.makeFolder();
	const error = await t.throwsAsync<HostError>(board.connect(`${folder.path}/none`), { instanceOf: HostError });
	t.is(error!.failure, 'no-socket');
	t.is(error!.blame, 'board');
	const qemu = await debianQemu(await openCache(), 'trixie', 'arm64');
	const command = qemu.command(await board.provide(qemu.root, { timeoutMs: 120_000 }));
	const argv = [
		...command,
		'-machine',
		'none',
		'-display',
		'none',
		'-qmp',
		`unix:${folder.path}/qmp,server=on,wait=off`,
	];
	await using child = await board.spawn(argv);
	const socket = await poll(
		'QMP',
		() =>
			board
				.connect(`${folder.path}/qmp`)
				.catch(error => (error.failure === 'no-socket' ? undefined : Promise.reject(error))),
		{ timeoutMs: 60_000, everyMs: 100 },
	);
	socket.write('{"execute":"qmp_capabilities"}{"execute":"quit"}');
	const said = Buffer.concat(await socket.toArray()).toString();
	// The event of the machine's start may come before the greeting.
	t.regex(said, /^({"timestamp": {[^}]*}, "event": "RESUME"}\r\n)?{"QMP".*\r\n{"return": {}}\r\n/);
	t.deepEqual(await child.exited, { status: 0, signal: null });
	t.true(folder.path.length < 60);
});

test.serial('content is copied once, complete, with modes and links', async t => {
	const { path: local, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const tree = path.join(local, 'tree');
	await mkdir(path.join(tree, 'a'), { recursive: true });
	const bytes = crypto.getRandomValues(new Uint8Array(65_536));
	await writeFile(path.join(tree, 'a/run'), Buffer.concat(Array(64).fill(bytes)), { mode: 0o755 });
	await symlink('a/run', path.join(tree, 'link'));
	const place = await board.provide(tree);
	t.is(await board.provide(tree), place);
	t.is(await output('stat', '-c', '%a %s', `${place}/a/run`), '755 4194304');
	t.is(await output('readlink', `${place}/link`), 'a/run');
	await board.get(`${place}/a/run`, path.join(local, 'back'), { timeoutMs: 60_000 });
	t.true((await readFile(path.join(local, 'back'))).equals(await readFile(path.join(tree, 'a/run'))));
	t.is((await stat(path.join(local, 'back'))).mode & 0o111, 0, 'a file copied from a host is not executable');
	await writeFile(path.join(tree, 'a/run'), 'small', { mode: 0o755 });
	t.not(await board.provide(tree), place);
	await board.put(path.join(tree, 'a/run'), '/tmp/put');
	t.is(await output('cat', '/tmp/put'), 'small');
	t.is(await output('sh', '-c', 'ls -a /var/tmp/provided | grep -c new'), '0');
});

test.serial('users of one process take turns with a connection, and find nothing of each other', async t => {
	await using connections = new Connections();
	const first = await connections.take(board.reference);
	const [, folder] = [await first.makeFolder(), await first.makeFolder()];
	t.is((await first.run(['sh', '-c', 'echo mine >"$1/file"', 'sh', folder.path])).status, 0);
	await connections.giveBack(first, { isSound: true });

	const second = await connections.take(board.reference);
	t.is(second, first);
	const beside = await connections.take(board.reference);
	t.not(beside, second, 'two users at a time have a connection each');
	await connections.giveBack(beside, { isSound: false });
	const [, again] = [await second.makeFolder(), await second.makeFolder()];
	t.is(again.path, folder.path);
	const { stdout } = await second.run(['sh', '-c', 'ls -A "$1"; stat -c "%a %u" "$1"', 'sh', again.path]);
	t.is(stdout.toString(), '700 65529\n');
	const child = await second.spawn(['sleep', '600']);
	await connections.giveBack(second, { isSound: true });
	t.deepEqual(await child.exited, { status: null, signal: 'SIGKILL' }, 'what a user leaves running ends with it');

	const third = await connections.take(board.reference);
	t.false([first, beside].includes(third));
	await connections.giveBack(third, { isSound: false });
	const fourth = await connections.take(board.reference);
	t.not(fourth, third);
	const both = [fourth, await connections.take(board.reference)];
	await Promise.all(both.map(async one => await connections.giveBack(one, { isSound: true })));
	const taken = [await connections.take(board.reference), await connections.take(board.reference)];
	t.deepEqual(new Set(taken), new Set(both), 'none is lost when two users leave at once');
	for (const one of taken) await connections.giveBack(one, { isSound: true });
});

test.serial('a lock names its holder', async t => {
	await using lock = await board.lock('pmu');
	t.is(lock.name, 'pmu');
	const error = await t.throwsAsync<LockBusyError>(board.lock('pmu', { timeoutMs: 0 }), { instanceOf: LockBusyError });
	t.is(error!.holder?.pid, process.pid);
});

test.serial("as a user's ssh host: the right key gets in, otherwise the reason is clear", async t => {
	const [port, ...rest] = board.sshArguments.slice(1);
	const options = ['-p', port!, ...rest.slice(0, -1)];
	await using host = await sshHost('root@127.0.0.1', { options });
	t.is(host.name, 'ssh://root@127.0.0.1');
	t.is((await host.run(['echo', 'hello'])).stdout.toString(), 'hello\n');

	const failure = async (...changed: string[]) => {
		const wrong = sshHost('root@127.0.0.1', { options: [...changed, ...options], timeoutMs: 60_000 });
		const error = await t.throwsAsync<HostError>(wrong, { instanceOf: HostError });
		t.true(error!.evidence.length > 0);
		return error!.failure;
	};
	t.is(await failure('-o', 'IdentityFile=/dev/null', '-o', 'PubkeyAuthentication=no'), 'auth');
	t.is(await failure('-o', 'UserKnownHostsFile=/dev/null'), 'host-key');
	t.is(await failure('-o', 'Port=1'), 'refused');
});

test.serial('a host on which nothing listens, and an unknown host name', async t => {
	const refused = await t.throwsAsync<HostError>(sshHost('127.0.0.1', { options: ['-F', 'none', '-p', '1'] }));
	t.is(refused!.failure, 'refused');
	const unknown = await t.throwsAsync<HostError>(sshHost('no-such-host.invalid', { options: ['-F', 'none'] }));
	t.is(unknown!.failure, 'unreachable');
});

test.serial('the death of a board is reported, and its processes end', async t => {
	t.timeout(patience);
	await using second = await startBoard({ cache: await openCache(), topology: 'biglittle' });
	const child = await second.spawn(['sleep', '600']);
	process.kill(second.machine.process.pid, 'SIGKILL');
	t.deepEqual(await child.exited, { status: null, signal: 'SIGKILL' });
	const error = await t.throwsAsync<HostError>(second.run(['true'], { timeoutMs: 30_000 }), { instanceOf: HostError });
	t.is(error!.failure, 'lost');
	t.is(error!.blame, 'board');
	t.regex(error!.message, /connection to board:biglittle was lost: its emulator ended with SIGKILL/);
});

test.serial('after SIGKILL of the owner no emulator, ssh or folder is left', async t => {
	t.timeout(patience);
	const script = `
		import { openCache } from ${JSON.stringify(path.join(import.meta.dirname, '../image/index.ts'))};
		import { startBoard } from ${JSON.stringify(path.join(import.meta.dirname, 'start.ts'))};
		const board = await startBoard({ cache: await openCache(), topology: 'biglittle' });
		await board.spawn(['sleep', '600']);
		console.log(JSON.stringify([board.machine.process.pid, board.consoleLog]));
	`;
	const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const [line] = (await once(owner.stdout, 'data')) as [Buffer];
	const [emulator, consoleLog] = JSON.parse(line.toString()) as [number, string];
	const folder = path.dirname(path.dirname(consoleLog));
	const ours = async () => {
		const found: string[] = [];
		for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
			const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
			if (Number(pid) === emulator || command.includes(folder)) found.push(command);
		}
		return found;
	};
	t.true((await ours()).length > 0);
	owner.kill('SIGKILL');
	await poll('the end of all', async () => ((await ours()).length === 0 ? true : undefined), {
		timeoutMs: 20_000,
		everyMs: 200,
	});
	await poll(
		'the folder',
		() =>
			access(folder).then(
				() => undefined,
				() => true as const,
			),
		{ timeoutMs: 20_000 },
	);
	t.pass();
});
