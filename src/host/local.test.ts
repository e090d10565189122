import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { LockBusyError } from '../lib/files/lock.ts';
import { DeadlineError, poll } from '../lib/waiting/deadline.ts';
import { HostError } from './errors.ts';
import { localHost } from './local.ts';

const alive = (pid: number) => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};

const gone = (pid: number) =>
	poll(`the end of process ${pid}`, () => (alive(pid) ? undefined : true), { timeoutMs: 600_000 });

test('how a command ended is reported correctly: statuses above 128 are statuses, signals are signals', async t => {
	await using host = localHost();
	for (const status of [0, 1, 127, 137, 255]) {
		const result = await host.run(['sh', '-c', `exit ${status}`]);
		t.is(result.status, status);
		t.is(result.signal, null);
	}
	for (const signal of ['KILL', 'TERM', 'INT', 'SEGV']) {
		const result = await host.run(['sh', '-c', `kill -${signal} $$; sleep 9`]);
		t.is(result.status, null);
		t.is(result.signal, `SIG${signal}`);
	}
});

test('a missing program exits with 127, one without execute permission with 126', async t => {
	await using host = localHost();
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	await writeFile(path.join(folder, 'text'), 'x');
	t.is((await host.run([path.join(folder, 'missing')])).status, 127);
	t.is((await host.run([path.join(folder, 'text')])).status, 126);
});

test('arguments, environment, folder, input and output arrive unchanged', async t => {
	await using host = localHost();
	const words = ['a b', "it's", '$HOME', '', '*', '--', '\n', 'ü'];
	const { stdout } = await host.run(['printf', '%s\\0', ...words]);
	t.deepEqual(stdout.toString().split('\0').slice(0, -1), words);
	const bytes = crypto.getRandomValues(new Uint8Array(60_000));
	t.deepEqual((await host.run(['cat'], { stdin: bytes })).stdout, Buffer.from(bytes));
	const shown = await host.run(['sh', '-c', 'echo "$X"; pwd; echo no >&2'], { env: { X: 'a b' }, cwd: '/' });
	t.is(shown.stdout.toString(), 'a b\n/\n');
	t.is(shown.stderr.toString(), 'no\n');
});

test('the process id is that of the program itself', async t => {
	await using host = localHost();
	await using child = await host.spawn(['sleep', '60']);
	const program = await poll(
		'the shell to become the program',
		async () => {
			const name = await readFile(`/proc/${child.pid}/comm`, 'utf8');
			return name === 'sh\n' ? undefined : name;
		},
		{ timeoutMs: 10_000 },
	);
	t.is(program, 'sleep\n');
	await child.kill('SIGINT');
	t.deepEqual(await child.exited, { status: null, signal: 'SIGINT' });
});

test('processes that a program leaves in its process group end with it', async t => {
	await using host = localHost();
	const { stdout } = await host.run(['sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $!']);
	await gone(Number(stdout));
	t.pass();
});

test('a command that is too slow or aborted is killed with everything it started', async t => {
	await using host = localHost();
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const script = `sleep 60 & echo $! >${folder}/new; mv ${folder}/new ${folder}/pid; wait`;
	// Increase the deadline until the script gets as far as starting its child.
	for (let timeoutMs = 300; !existsSync(path.join(folder, 'pid')); timeoutMs *= 2)
		await t.throwsAsync(host.run(['sh', '-c', script], { timeoutMs }), { instanceOf: DeadlineError });
	await gone(Number(await readFile(path.join(folder, 'pid'), 'utf8')));
	const controller = new AbortController();
	const running = host.run(['sleep', '60'], { signal: controller.signal });
	controller.abort(new Error('enough'));
	await t.throwsAsync(running, { message: 'enough' });
});

test('a missing folder is reported as such', async t => {
	await using host = localHost();
	await t.throwsAsync(host.spawn(['true'], { cwd: '/does/not/exist' }), {
		instanceOf: HostError,
		message: /does\/not\/exist/,
	});
});

test('connecting to a socket fails until something listens', async t => {
	await using host = localHost();
	await using folder = await host.makeFolder();
	const socket = path.join(folder.path, 's');
	const error = await t.throwsAsync<HostError>(host.connect(socket), { instanceOf: HostError });
	t.is(error!.failure, 'no-socket');
	const server = createServer(peer => peer.end('hello')).listen(socket);
	await once(server, 'listening');
	const connected = await host.connect(socket);
	t.is(Buffer.concat(await connected.toArray()).toString(), 'hello');
	server.close();
});

test('folders are private, have short paths, and are removed', async t => {
	const host = localHost();
	const folder = await host.makeFolder();
	t.is((await stat(folder.path)).mode & 0o777, 0o700);
	t.true(folder.path.length < 70);
	await writeFile(path.join(folder.path, 'x'), 'x');
	await folder[Symbol.asyncDispose]();
	await t.throwsAsync(access(folder.path));
	const kept = await host.makeFolder();
	await host[Symbol.asyncDispose]();
	await t.throwsAsync(access(path.dirname(kept.path)));
});

test('files and folders are copied', async t => {
	await using host = localHost();
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	await mkdir(path.join(folder, 'a/b'), { recursive: true });
	await writeFile(path.join(folder, 'a/b/run'), 'x');
	await chmod(path.join(folder, 'a/b/run'), 0o755);
	await host.put(path.join(folder, 'a'), path.join(folder, 'copy'));
	t.is((await stat(path.join(folder, 'copy/b/run'))).mode & 0o777, 0o755);
	await t.throwsAsync(host.get(path.join(folder, 'nothing'), path.join(folder, 'y')), { instanceOf: HostError });
	t.is(await host.provide(path.join(folder, 'a')), path.join(folder, 'a'));
});

test('a lock names its holder, and is released with it', async t => {
	await using host = localHost();
	const { path: target, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const lock = await host.lock(target);
	for (const timeoutMs of [0, 100]) {
		const error = await t.throwsAsync<LockBusyError>(host.lock(target, { timeoutMs }), { instanceOf: LockBusyError });
		t.is(error!.code, 'LOCK_BUSY');
		t.is(error!.holder?.pid, process.pid);
		t.regex(error!.message, new RegExp(`'${target}' on local is held by process ${process.pid} on .* since 20`));
	}
	const waiting = host.lock(target, { timeoutMs: 20_000 });
	await lock[Symbol.asyncDispose]();
	await using second = await waiting;
	t.is(second.name, target);
	await t.throwsAsync(host.lock('../x'), { message: /'\.\.\/x' is not a valid lock name/ });
	await t.throwsAsync(host.lock(`${target}/absent/x`), { instanceOf: HostError });
	t.deepEqual(await readdir(target), [], 'nothing was written');
});

test("a lock held by another program's flock names that command", async t => {
	await using host = localHost();
	const { path: target, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	await using other = await host.spawn(['flock', target, 'sh', '-c', 'echo locked; exec sleep 60']);
	await once(other.stdout, 'data');
	const error = await t.throwsAsync<LockBusyError>(host.lock(target, { timeoutMs: 0 }), { instanceOf: LockBusyError });
	t.like(error!.holder, { pid: other.pid, machine: 'local', since: null });
	t.regex(error!.message, /\(flock .*sleep 60\)$/);
});

test('folders left by a killed janitor are removed by the next one, unless they are in use', async t => {
	const { path: top, cleanup } = await dir({ unsafeCleanup: true, tmpdir: '/tmp', prefix: 's' });
	t.teardown(cleanup);
	const [left, held, fresh, other] = ['vpmu-1-w-left', 'vpmu-1-w-held', 'vpmu-1-w-new', 'vpmu-test'].map(name =>
		path.join(top, name),
	) as [string, string, string, string];
	const longAgo = new Date(Date.now() - 600_000);
	for (const folder of [left, held, fresh, other]) {
		await mkdir(path.join(folder, '0'), { recursive: true });
		if (folder !== fresh) await utimes(folder, longAgo, longAgo);
	}
	await using host = localHost();
	await using lock = await host.lock(held);
	const script = `
		import { localHost } from ${JSON.stringify(path.join(import.meta.dirname, 'local.ts'))};
		await using host = localHost();
		await host.makeFolder();
	`;
	const next = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
		stdio: 'inherit',
		env: { ...process.env, TMPDIR: top },
	});
	await once(next, 'exit');
	await poll('the sweep', async () => ((await readdir(top)).includes('vpmu-1-w-left') ? undefined : true), {
		timeoutMs: 10_000,
	});
	t.deepEqual((await readdir(top)).sort(), ['vpmu-1-w-held', 'vpmu-1-w-new', 'vpmu-test']);
	t.is(lock.name, held);
});

test('after SIGKILL of the owner no process, lock or folder is left', async t => {
	const { path: target, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const script = `
		import { localHost } from ${JSON.stringify(path.join(import.meta.dirname, 'local.ts'))};
		const host = localHost();
		const child = await host.spawn(['sh', '-c', 'sleep 60 & echo $!; wait']);
		const folder = await host.makeFolder();
		await host.lock(${JSON.stringify(target)});
		child.stdout.once('data', inner => console.log(JSON.stringify([child.pid, Number(String(inner)), folder.path])));
	`;
	const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const [line] = (await once(owner.stdout, 'data')) as [Buffer];
	const [outer, inner, folder] = JSON.parse(line.toString()) as [number, number, string];
	t.true(alive(outer) && alive(inner));
	owner.kill('SIGKILL');
	await Promise.all([gone(outer), gone(inner)]);
	await poll(
		'the folder',
		() =>
			access(folder).then(
				() => undefined,
				() => true as const,
			),
		{ timeoutMs: 10_000 },
	);
	await using host = localHost();
	await using lock = await host.lock(target, { timeoutMs: 10_000 });
	t.truthy(lock);
});
