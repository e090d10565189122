import test from 'ava';
import { SerialConsole } from '../console.ts';
import { startTestGuest } from '../testing/test-guest.ts';
import { PlainShell } from './shell.ts';

test.serial('a guest without our agent is driven through its shell prompt', async t => {
	await using guest = await startTestGuest({ init: 'exec setsid cttyhack sh\n' });
	await using serial = new SerialConsole(guest.socket);
	await using shell = await PlainShell.open(serial, { timeoutMs: 120_000 });
	t.is(shell.guarantees, 'plain');
	const both = await shell.run("echo out; echo 'it''s' >&2; exit 7");
	t.deepEqual(
		{ ...both, stdout: both.stdout.toString(), stderr: both.stderr.toString() },
		{
			status: 7,
			signal: null,
			stdout: 'out\n',
			stderr: 'its\n',
		},
	);
	const bytes = Buffer.from(Array.from({ length: 1500 }, (_, index) => (index * 7) & 0xff));
	await shell.put(bytes, '/tmp/bytes');
	t.deepEqual(await shell.get('/tmp/bytes'), bytes);
	t.deepEqual((await shell.run(['cat'], { stdin: bytes })).stdout, bytes);
	t.is((await shell.run('echo $X; pwd', { env: { X: "a'b $c" }, cwd: '/proc' })).stdout.toString(), "a'b $c\n/proc\n");
	t.is((await shell.run('kill -9 $$')).status, 137);
	await t.throwsAsync(shell.run(['sleep', '60'], { timeoutMs: 1000 }), { name: 'DeadlineError' });
	t.is((await shell.run(['true'])).status, 0);
	const panicked = await t.throwsAsync(shell.run('echo c > /proc/sysrq-trigger', { timeoutMs: 60_000 }), {
		name: 'GuestError',
	});
	t.is((panicked as { kind?: string }).kind, 'panic');
});
