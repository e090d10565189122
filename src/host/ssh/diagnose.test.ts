import test from 'ava';
import { connectError } from './diagnose.ts';

/** Messages of OpenSSH 9 and 10, by failure. */
const said: Readonly<Record<string, readonly string[]>> = {
	'host-key': ['@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @', 'Host key verification failed.'],
	auth: ['root@h: Permission denied (publickey).'],
	unreachable: ['ssh: Could not resolve hostname h: Name or service not known'],
	refused: ['ssh: connect to host h port 22: Connection refused'],
	other: ['command-line: line 0: Bad configuration option: nonsense'],
};

for (const [failure, stderr] of Object.entries(said)) {
	test(`ssh's messages for ${failure} are recognised`, t => {
		const error = connectError('h', 'ssh://h', stderr, 255, 'host');
		t.is(error.failure, failure as typeof error.failure);
		t.is(error.blame, 'host');
		t.deepEqual(error.evidence, stderr);
		t.regex(error.message, /\bh\b/);
	});
}

test('a missing ssh blames this machine', t => {
	const error = connectError('h', 'ssh://h', ['sh: 1: exec: ssh: not found'], 127, 'host');
	t.is(error.failure, 'no-tool');
	t.is(error.host, 'local');
});
