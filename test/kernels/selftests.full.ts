import test from 'ava';
import type { Conformance } from '../../src/pmu/index.ts';
import { vpmu } from '../testing/vpmu.ts';

const timeoutMs = 1_800_000;

test("the kernel's own tests are built from its source, run on a board, and pass", async t => {
	t.timeout(timeoutMs);
	const built = await vpmu(['kernel', 'build', '--source', 'debian:trixie', '--selftests', '--json'], { timeoutMs });
	t.is(built.status, 0, built.stderr);
	const { image } = JSON.parse(built.stdout) as { image: string };
	const on = ['--on', 'board:biglittle', '--board-kernel', image];
	const { status, stdout, stderr } = await vpmu(['probe', '--conformance', '--json', ...on], { timeoutMs });
	t.is(status, 0, stderr);
	const { checks } = JSON.parse(stdout) as Conformance;
	t.deepEqual(
		checks.filter(({ id }) => id.startsWith('selftest.')).map(({ id, observed }) => `${id} ${observed}`),
		['selftest.vpmu_counter_access ok', 'selftest.get-reg-list ok'],
	);
});
