import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { duplexPair, PassThrough } from 'node:stream';
import { unless } from '../../lib/testing/unless.ts';
import { poll } from '../../lib/waiting/deadline.ts';
import { SerialConsole } from '../console.ts';
import { GuestError } from '../errors.ts';
import { openShell } from '../open.ts';
import { FakeFaultyLine, type Faults } from '../testing/faulty-line.ts';
import { localAgent, startLocalAgent } from '../testing/local-agent.ts';
import { describeOutcome, nuisances, torture } from '../testing/torture.ts';
import type { FramedShell } from './shell.ts';

const program = localAgent();
const withAgent = unless(program === undefined ? 'no agent for this machine' : undefined);

/** A shell with the real agent, built for this machine, on a faulty line. */
async function open(faults: Faults = {}) {
	const stack = new AsyncDisposableStack();
	const agent = stack.use(startLocalAgent(program!));
	const line = new FakeFaultyLine(agent.line, faults);
	const serial = stack.use(new SerialConsole(line));
	const shell = stack.use((await openShell(serial, { mode: 'framed', timeoutMs: 20_000 })) as FramedShell);
	return { agent, line, serial, shell, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

withAgent('statuses, signals, and separate output, byte for byte', async t => {
	await using guest = await open();
	const { shell } = guest;
	const result = await shell.run('printf out; printf err >&2; exit 3');
	t.deepEqual(result, { status: 3, signal: null, stdout: Buffer.from('out'), stderr: Buffer.from('err') });
	t.like(await shell.run('kill -9 $$'), { status: null, signal: 'SIGKILL' });
	t.like(await shell.run('kill -SEGV $$'), { status: null, signal: 'SIGSEGV' });
	t.like(await shell.run(['/bin/true']), { status: 0, signal: null });
	t.is((await shell.run(['printf', '%s', "a'b\n$c"])).stdout.toString(), "a'b\n$c");
	const bytes = randomBytes(100_000);
	t.deepEqual((await shell.run(['cat'], { stdin: bytes })).stdout, bytes);
	t.is((await shell.run(['cat'])).stdout.length, 0);
	t.is((await shell.run('echo $A; pwd', { env: { A: 'b c' }, cwd: '/proc' })).stdout.toString(), 'b c\n/proc\n');
	t.is((await shell.run(['head', '-c', '3'], { stdin: bytes })).stdout.length, 3);
});

withAgent('a program that cannot be started is an error with its name, never a status', async t => {
	await using guest = await open();
	for (const [argv, code] of [
		[['/nowhere/to/be/found'], 'ENOENT'],
		[['no-such-program-anywhere'], 'ENOENT'],
		[['/proc'], 'EACCES'],
	] as const) {
		const error = await t.throwsAsync(guest.shell.run(argv), { instanceOf: GuestError });
		t.is(error?.kind, 'exec');
		t.regex(error!.message, new RegExp(code));
	}
	const error = await t.throwsAsync(guest.shell.run(['true'], { cwd: '/nowhere' }), { instanceOf: GuestError });
	t.regex(error!.message, /ENOENT/);
});

withAgent('commands run in parallel, and output arrives as it is written', async t => {
	await using guest = await open();
	const results = await Promise.all(
		Array.from({ length: 50 }, (_, n) => guest.shell.run(`sleep 0.0${n % 10}; echo ${n}; exit ${n}`)),
	);
	t.deepEqual(
		results.map(({ status, stdout }) => [status, stdout.toString()]),
		results.map((_, n) => [n, `${n}\n`]),
	);
	const seen: string[] = [];
	const { promise: first, resolve } = Promise.withResolvers<void>();
	const running = guest.shell.run('echo first; read x; echo second', {
		stdin: 'go\n',
		onOutput: (stream, bytes) => {
			seen.push(`${stream}:${bytes}`);
			resolve();
		},
	});
	await first;
	t.is(seen[0]?.slice(0, 12), 'stdout:first');
	await running;
});

withAgent('input that arrives slowly is passed on at once, and dropped when it is no longer read', async t => {
	await using guest = await open();
	const lines = new PassThrough();
	let seen = '';
	lines.write('1\n');
	const { stdout, status } = await guest.shell.run(
		'while read -r line; do echo "got $line"; [ "$line" = 3 ] && exit 7; done',
		{
			stdin: lines,
			onOutput: (_, bytes) => {
				seen += bytes;
				const answers = seen.split('\n').length - 1;
				if (seen.endsWith('\n')) lines.write(`${answers + 1}\n`);
			},
		},
	);
	t.is(status, 7);
	t.is(stdout.toString(), 'got 1\ngot 2\ngot 3\n');
	await poll('the end of its input', () => (lines.destroyed ? true : undefined), { timeoutMs: 600_000 });

	const bytes = randomBytes(50_000);
	const pieces = (async function* () {
		for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
	})();
	t.deepEqual((await guest.shell.run(['cat'], { stdin: pieces })).stdout, bytes);

	const broken = (async function* () {
		yield Buffer.from('x');
		throw new Error('the source dried up');
	})();
	await t.throwsAsync(guest.shell.run(['cat'], { stdin: broken }), { message: 'the source dried up' });
	// The program that fed it has exited.
	t.like(await guest.shell.run(['true']), { status: 0 });
	const endless = new PassThrough();
	await t.throwsAsync(guest.shell.run(['cat'], { stdin: endless, timeoutMs: 200 }), { name: 'DeadlineError' });
	// A stream that is being waited for ends at its next piece, as when a loop is left.
	endless.write('late');
	await poll('the end of its input', () => (endless.destroyed ? true : undefined), { timeoutMs: 600_000 });
});

withAgent('a deadline or an abort kills the whole process group', async t => {
	await using guest = await open();
	const mark = `97${process.pid % 1000}`;
	await t.throwsAsync(guest.shell.run(`sleep ${mark} & sleep ${mark}`, { timeoutMs: 300 }), { name: 'DeadlineError' });
	const abort = new AbortController();
	const reason = new Error('enough');
	setTimeout(() => abort.abort(reason), 100);
	t.is(await t.throwsAsync(guest.shell.run(['sleep', mark], { signal: abort.signal })), reason);
	t.like(await guest.shell.run(['pgrep', '-f', `^sleep ${mark}`]), { status: 1 });
});

withAgent('files up and down', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-files-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	await using guest = await open();
	const bytes = randomBytes(70_000);
	const file = path.join(folder, 'file');
	t.is((await guest.shell.put(bytes, file, { mode: 0o755 })).sizeBytes, bytes.length);
	t.deepEqual(await readFile(file), bytes);
	t.like(await guest.shell.run(['test', '-x', file]), { status: 0 });
	t.deepEqual(await guest.shell.get(file), bytes);
	await guest.shell.put('', file);
	t.is((await guest.shell.get(file)).length, 0);
	t.is((await guest.shell.get('/proc/self/status')).toString().split('\t')[1]?.split('\n')[0], 'agent');
	for (const attempt of [guest.shell.get(path.join(folder, 'none')), guest.shell.put('x', path.join(folder, 'no/ne'))])
		t.is((await t.throwsAsync(attempt, { instanceOf: GuestError }))?.kind, 'file');
	t.is((await guest.shell.run(['ls', folder])).stdout.toString(), 'file\n');
});

withAgent('when a guest is gone or was replaced, commands end with an error that names it', async t => {
	{
		await using guest = await open();
		const running = guest.shell.run(['sleep', '60']);
		guest.agent.kill();
		t.is((await t.throwsAsync(running, { instanceOf: GuestError }))?.kind, 'console-closed');
		t.is((await t.throwsAsync(guest.shell.run(['true']), { instanceOf: GuestError }))?.kind, 'console-closed');
	}
});

withAgent('bytes and statuses are right, whatever is printed in between and whatever is lost', async t => {
	for (const [what, faults, commands] of [
		['others print', { interleave: 0.002 }, 150],
		['0.2 % of the characters are lost in each direction', { dropFromGuest: 0.002, dropToGuest: 0.002 }, 60],
		['0.3 % of the characters change, others are added', { corruptFromGuest: 0.003, interleave: 0.002 }, 40],
	] as const) {
		await using guest = await open({ ...faults, texts: nuisances, seed: 42 });
		const outcome = await torture(guest.shell, { commands, together: 12, timeoutMs: 600_000 });
		describeOutcome(t, what, outcome, guest.shell.statistics);
		t.deepEqual(outcome.wrong, []);
		t.is(outcome.right, commands);
		t.is(guest.serial.fatal, undefined);
	}
});

withAgent('a line that loses every fifth character gives an error, not a result', async t => {
	await using guest = await open({ seed: 7 });
	// Good enough for HELLO, then useless.
	guest.line.worsen({ dropFromGuest: 0.2, dropToGuest: 0.2 });
	const outcome = await torture(guest.shell, { commands: 3, together: 3, timeoutMs: 1500 });
	t.deepEqual(outcome.wrong, []);
});

withAgent(
	'an agent that answered on the port before is waited for there, however long ago it reported ready',
	async t => {
		const heard = async (hasPort: boolean) => {
			await using stack = new AsyncDisposableStack();
			const agent = stack.use(startLocalAgent(program!));
			const [consoleLine, kernel] = duplexPair();
			const [port, driver] = duplexPair();
			const serial = stack.use(new SerialConsole(consoleLine));
			kernel.write('vpmu-agent: ready\n');
			// Pretend that the guest restarts, for longer than an agent without a port would stay away from the console.
			const restart = () => driver.pipe(agent.line).pipe(driver);
			if (hasPort) {
				const timer = setTimeout(restart, 300);
				stack.defer(() => clearTimeout(timer));
			} else kernel.once('data', restart);
			const timeoutMs = hasPort ? 600_000 : 3000;
			const shell = await openShell(serial, { port, hasPort, portPatienceMs: 10, timeoutMs });
			const { stdout } = await shell.run(['echo', 'here']);
			await shell[Symbol.asyncDispose]();
			return stdout.toString();
		};
		t.is(await heard(true), 'here\n');
		t.is((await t.throwsAsync(heard(false), { instanceOf: GuestError }))?.kind, 'no-shell');
	},
);

withAgent('on a UART that takes milliseconds per character, resends do not flood the line', async t => {
	// A busy machine is a slow line for a moment, and a resend is then correct. So take the least of a few runs.
	const tries = [];
	do {
		await using guest = await open({ characterMs: 3 });
		const { shell, serial } = guest;
		for (let n = 0; n < 3; n++) t.is((await shell.run(`echo ${n}`, { timeoutMs: 20_000 })).stdout.toString(), `${n}\n`);
		tries.push({ received: serial.receivedBytes, resent: shell.statistics.resent });
	} while (tries.length < 4 && !isOnceEach(tries.at(-1)!));
	t.log(tries);
	t.true(tries.some(isOnceEach));
});

/**
 * The greeting, and three answers of about 60 characters: each sent once, except what was sent before anything was measured.
 */
function isOnceEach({ received, resent }: { received: number; resent: number }): boolean {
	return received < 700 && resent <= 4;
}

withAgent('after a restart that was asked for, a shell that saw it is followed by one that works', async t => {
	await using old = startLocalAgent(program!);
	await using restarted = startLocalAgent(program!);
	const [line, guest] = duplexPair();
	old.line.pipe(guest).pipe(old.line);
	await using serial = new SerialConsole(line);
	const shell = await openShell(serial, { timeoutMs: 600_000 });
	old.line.unpipe(guest);
	guest.unpipe(old.line);
	restarted.line.pipe(guest).pipe(restarted.line);
	const error = await t.throwsAsync<GuestError>(shell.run('true'));
	t.is(error!.kind, 'reboot', error!.message);
	await shell[Symbol.asyncDispose]();
	const refused = await t.throwsAsync<GuestError>(openShell(serial, { timeoutMs: 600_000 }));
	t.is(refused!.kind, 'reboot', refused!.message);
	serial.acceptRestart();
	await using next = await openShell(serial, { timeoutMs: 600_000 });
	t.is((await next.run('echo on')).stdout.toString(), 'on\n');
	t.deepEqual(
		serial.troubles.map(trouble => trouble.kind),
		['reboot'],
	);
});
