import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { poll } from '../../lib/waiting/deadline.ts';
import { plainHost } from '../testing/hosts.ts';
import { excuseOf, processMoment } from './starvation.ts';

test('a process is excused when its host does not let it run', t => {
	t.is(excuseOf({ state: 'R', ranMs: 400, waitedMs: 100 }), undefined);
	t.is(excuseOf({ state: 'S', ranMs: 0, waitedMs: 0 }), undefined);
	t.is(excuseOf({ state: 'R', ranMs: 0, waitedMs: 40 }), undefined);
	t.is(
		excuseOf({ state: 'R', ranMs: 60, waitedMs: 440 }),
		'ready to run and without a CPU of the host for 440 ms while it ran for 60 ms',
	);
	t.is(excuseOf({ state: 'T', ranMs: 0, waitedMs: 0 }), 'stopped by a signal');
	t.is(excuseOf({ state: 'D', ranMs: 0, waitedMs: 0 }), 'waiting for the disk or another device of the host');
});

test('the CPU time that a process got is read from the kernel', async t => {
	const sleeping = spawn('sleep', ['600']);
	const working = spawn('sh', ['-c', 'while :; do :; done']);
	t.teardown(() => [sleeping, working].map(child => child.kill('SIGKILL')));
	await poll(
		'a sleeper',
		async () => (/ \(sleep\) S /.test(await readFile(`/proc/${sleeping.pid}/stat`, 'latin1')) ? true : undefined),
		{},
	);
	const asleep = await processMoment(plainHost(), sleeping.pid!);
	t.is(asleep.state, 'S');
	t.is(excuseOf(asleep), undefined);
	const atWork = await processMoment(plainHost(), working.pid!);
	t.is(atWork.state, 'R');
	// The two times cover the whole interval, even if other processes compete for the CPU.
	t.true(atWork.ranMs + atWork.waitedMs >= 400, JSON.stringify(atWork));
	sleeping.kill('SIGSTOP');
	t.is(excuseOf(await processMoment(plainHost(), sleeping.pid!)), 'stopped by a signal');
});
