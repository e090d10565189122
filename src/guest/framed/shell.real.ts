import test from 'ava';
import { SerialConsole } from '../console.ts';
import { openShell } from '../open.ts';
import { startTestGuest } from '../testing/test-guest.ts';

const init = 'exec /vpmu/agent\n';

test.serial('commands over ttyAMA0, files, signals, and many commands in parallel', async t => {
	await using guest = await startTestGuest({ init });
	await using serial = new SerialConsole(guest.socket);
	await using shell = await openShell(serial, { timeoutMs: 120_000 });
	t.is(shell.guarantees, 'framed');
	t.log(`shell after ${Math.round(performance.now() - guest.spawnedAt)} ms`);
	t.like(await shell.run('echo out; echo err >&2; exit 7'), {
		status: 7,
		stdout: Buffer.from('out\n'),
		stderr: Buffer.from('err\n'),
	});
	t.like(await shell.run('kill -9 $$'), { status: null, signal: 'SIGKILL' });
	const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff));
	await shell.put(bytes, '/tmp/bytes');
	t.deepEqual(await shell.get('/tmp/bytes'), bytes);
	t.deepEqual((await shell.run(['cat'], { stdin: bytes })).stdout, bytes);
	await shell.run(['true']);
	const times: number[] = [];
	for (let n = 0; n < 30; n++) {
		const at = performance.now();
		t.is((await shell.run(['/bin/true'])).status, 0);
		times.push(performance.now() - at);
	}
	times.sort((a, b) => a - b);
	t.log(`round trip of a warm command: median ${times[15]!.toFixed(1)} ms, slowest ${times[29]!.toFixed(1)} ms`);
	const many = await Promise.all(Array.from({ length: 40 }, (_, n) => shell.run(`echo ${n}; exit ${n}`)));
	t.deepEqual(
		many.map(({ status, stdout }) => `${status} ${stdout}`),
		many.map((_, n) => `${n} ${n}\n`),
	);
	t.log(JSON.stringify((shell as unknown as { statistics: unknown }).statistics));
});
