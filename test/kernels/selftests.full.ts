import test from 'ava';
import type { Conformance } from '../../src/pmu/index.ts';
import type { Results } from '../../src/run/index.ts';
import { vpmu } from '../testing/vpmu.ts';

const timeoutMs = 1_800_000;
const names = ['vpmu_counter_access', 'get-reg-list', 'set_id_regs'];

test("the kernel's own tests are built from its source, and pass on a board, as cells of a run and as checks of a probe", async t => {
	t.timeout(2 * timeoutMs);
	const built = await vpmu(['kernel', 'build', '--source', 'debian:trixie', '--selftests', '--json'], { timeoutMs });
	t.is(built.status, 0, built.stderr);
	const { image } = JSON.parse(built.stdout) as { image: string };
	const on = ['--on', 'board:biglittle', '--board-kernel', image];
	const ran = await vpmu(['run', 'kernel/selftests', '--json', ...on], { timeoutMs });
	t.is(ran.status, 0, ran.stderr);
	const { cells } = JSON.parse(ran.stdout) as Results;
	t.deepEqual(
		cells.map(({ status, selftest }) => [status, selftest?.name, selftest?.state]),
		names.map(name => ['pass', name, 'ok']),
	);
	// The last one says what it does point by point, and is judged by those about PMUs.
	t.true(cells.at(-1)!.selftest!.points.some(({ text }) => text.includes('PMUVer')));
	const { status, stdout, stderr } = await vpmu(['probe', '--conformance', '--json', ...on], { timeoutMs });
	t.is(status, 0, stderr);
	const { checks } = JSON.parse(stdout) as Conformance;
	const tested = checks.filter(({ id }) => id.startsWith('selftest.'));
	t.deepEqual(
		tested.map(({ id, status: found }) => [id, found]),
		names.map(name => [`selftest.${name}`, 'as-ruled']),
	);
});
