import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { poll } from '../../lib/waiting/deadline.ts';
import { commands, requireTool, runTool } from './tool.ts';

test('arguments arrive unchanged, and so does the output', async t => {
	const words = ["it's", '$HOME', '`id`', 'two words', '', '*', 'a\nb', '"', '\\', 'é', '-n', ';&|<>'];
	const { status, stdout, stderr } = await runTool([
		'sh',
		'-c',
		'printf "%s\\0" "$@"; echo out >&2; exit 3',
		'sh',
		...words,
	]);
	t.deepEqual(stdout.split('\0').slice(0, -1), words);
	t.deepEqual([status, stderr], [3, 'out\n']);
});

test('status lines arrive one by one, and environment and folder are the requested ones', async t => {
	const lines: string[] = [];
	const { stdout } = await runTool(['sh', '-c', 'printf "a\\nb" >&3; printf "c\\n" >&3; pwd; echo $A $LC_ALL'], {
		...{ cwd: '/', env: { A: 'given' }, onStatusLine: line => lines.push(line) },
	});
	t.deepEqual(lines, ['a', 'bc']);
	t.is(stdout, '/\ngiven C.UTF-8\n');
});

test('a command written as a template has its values quoted', async t => {
	t.is(await commands()`printf %s:%s ${'a b'} ${"c'd"}`, "a b:c'd");
	t.is(await commands()`printf [%s] ${['x y', 'z']}`, '[x y][z]');
	await t.throwsAsync(commands()`sh -c ${'echo error: no luck >&2; exit 4'}`, {
		message: 'sh ended with status 4: error: no luck',
	});
});

test('variables that zx reads have no effect', t => {
	const program = `const { runTool } = await import(${JSON.stringify(path.join(import.meta.dirname, 'tool.ts'))});
		const { stdout, stderr, status } = await runTool(['sh', '-c', 'pwd; sleep 0.1; echo $0', 'a b']);
		process.stdout.write(JSON.stringify([status, stdout, stderr]));`;
	const env = {
		...{
			...process.env,
			ZX_SHELL: '/bin/false',
			ZX_PREFIX: 'exit 4;',
			ZX_POSTFIX: ' x',
			ZX_CWD: '/',
			ZX_TIMEOUT: '1ms',
		},
		...{ ZX_VERBOSE: 'true', ZX_PREFER_LOCAL: 'true', ZX_DETACHED: 'false', ZX_KILL_SIGNAL: 'none', ZX_QUIET: 'false' },
		...{ ZX_TIMEOUT_SIGNAL: 'none' },
	};
	const stdout = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { env, cwd: '/tmp' });
	t.deepEqual(JSON.parse(String(stdout)), [0, '/tmp\na b\n', '']);
});

test('a program that is not installed is named with its package', async t => {
	await t.throwsAsync(runTool(['no-such-tool']), { message: /no usable 'no-such-tool'/ });
	await t.throwsAsync(runTool(['apt-get'], { env: { PATH: '/nonexistent' } }), {
		message: /no usable 'setpriv' \(Debian package 'util-linux'\)/,
	});
});

test('an abort ends a command with everything it started', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const ended = new AbortController();
	const script = `sleep 1000 & echo $! >${folder}/child; wait`;
	const running = runTool(['sh', '-c', script], { signal: ended.signal });
	const child = await poll(
		'the child',
		async () =>
			(await readdir(folder)).includes('child')
				? (await readFile(`${folder}/child`, 'utf8')).trim() || undefined
				: undefined,
		{ timeoutMs: 20_000 },
	);
	ended.abort(new Error('enough'));
	await t.throwsAsync(running, { message: 'enough' });
	await poll('the end of the child', () => (isGone(child) ? true : undefined), { timeoutMs: 20_000 });
	t.pass();
	await t.throwsAsync(runTool(['true'], { signal: ended.signal }), { message: 'enough' });
});

function isGone(pid: string): boolean {
	try {
		return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
	} catch {
		return true;
	}
}

test('a failure has the last lines as its evidence', async t => {
	const error = await t.throwsAsync(requireTool(['sh', '-c', 'seq 30 >&2; exit 1']), { message: /status 1: 30/ });
	t.is((error as { evidence?: string[] }).evidence?.length, 12);
});
