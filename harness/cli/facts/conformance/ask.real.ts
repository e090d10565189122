import test from 'ava';
import type { Conformance } from '../../../../src/pmu/index.ts';
import { vpmu } from '../../../../test/testing/vpmu.ts';

test("Debian's kernel on a board with two PMUs answers as its source says", async t => {
	const { status, stdout, stderr } = await vpmu(['probe', '--conformance', '--on', 'board:biglittle', '--json']);
	t.is(status, 0, stderr);
	const found = JSON.parse(stdout) as Conformance;
	t.deepEqual(found.kernelLog, []);
	const asRuled = new Set(found.checks.filter(check => check.status === 'as-ruled').map(({ id }) => id));
	// Each of these is what a kernel that was broken on purpose answered wrongly.
	for (const id of ['set-pmu.unknown-type', 'after-run.set-pmu', 'reset.stands', 'run.pmceid0', 'shared.outside']) {
		t.true(asRuled.has(id), id);
	}
});

test('a host without a PMU for guests cannot be asked', async t => {
	const { status, stderr } = await vpmu(['probe', '--conformance', '--on', 'board:none']);
	t.is(status, 69);
	t.regex(stderr, /offers guests no PMU/);
});
