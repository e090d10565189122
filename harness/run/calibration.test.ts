import test from 'ava';
import { localHost } from '../../src/host/index.ts';
import { loadOf, measureSpeed, slownessOf } from './calibration.ts';

test('deadlines are never shortened, and extended only up to a limit', t => {
	t.deepEqual([0.1, 1, 2.04, 10, 1e6].map(slownessOf), [1, 1, 2, 10, 60]);
});

test('a slower host measures slower, by about the same factor', async t => {
	await using host = localHost();
	const fast = await measureSpeed(host);
	const slow = await measureSpeed({
		name: 'slow',
		kind: 'local',
		run: (argv, options) => {
			const script = argv[2]!.replace('60000', '240000');
			return host.run(['sh', '-c', script], options);
		},
	});
	const ratio = slow.loopMs / fast.loopMs;
	t.true(ratio > 2.5 && ratio < 6.5, `${slow.loopMs} / ${fast.loopMs}`);
	t.true(slow.slowness >= fast.slowness);
});

test("if the host's shell cannot run the loop, the host is to blame", async t => {
	await using host = localHost();
	await t.throwsAsync(measureSpeed({ name: 'odd', kind: 'local', run: () => host.run(['false']) }), {
		message: /shell of odd cannot measure/,
	});
});

test('a busy host behind ssh gets longer deadlines; other load is measured where a deadline begins', async t => {
	const hostOf = (kind: 'ssh' | 'local' | 'board', said: string) => ({
		kind,
		run: async () => ({ status: 0, signal: null, stdout: Buffer.from(said), stderr: Buffer.alloc(0) }),
	});
	t.is(await loadOf(hostOf('ssh', '64.00 1.00 1.00 2/900 1\n16\n')), 4);
	t.is(await loadOf(hostOf('ssh', '1.00 1.00 1.00 2/900 1\n16\n')), 1);
	t.is(await loadOf(hostOf('ssh', '')), 1);
	t.is(await loadOf(hostOf('board', '64.00 1.00 1.00 2/900 1\n16\n')), 1);
});
