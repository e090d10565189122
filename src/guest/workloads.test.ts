import test from 'ava';
import { GuestError } from './errors.ts';
import { parseWorkloadReport, stepsCommand, workloads } from './workloads.ts';

test('figures are linear: the slope between N and 2N is the loop', t => {
	const { loop, branches } = workloads;
	t.is(loop.figures(4_000_000).instructions! - loop.figures(2_000_000).instructions!, 8_000_000n);
	t.is(branches.figures(2n).loop.branches, 8n);
	t.is(workloads.threads(3).figures(10).loop.instructions, 120n);
	t.deepEqual(loop.argv(10n), ['/vpmu/workload', 'loop', '10']);
	t.deepEqual(workloads.threads(3).argv(7), ['/vpmu/workload', 'threads', '7', '3']);
	t.deepEqual(stepsCommand(loop, 5), ['/vpmu/workload', 'steps', 'loop', '5']);
	for (const n of [0, -1, 10n ** 18n]) t.throws(() => loop.argv(n), { instanceOf: RangeError });
	for (const n of [0, 65, 1.5]) t.throws(() => workloads.threads(n), { instanceOf: RangeError });
});

test('reports', t => {
	t.deepEqual(parseWorkloadReport('vpmu-workload loop 10 done\nvpmu-workload steps 366\n'), {
		done: [{ name: 'loop', n: 10n }],
		steps: 366n,
	});
	for (const text of ['', 'vpmu-workload loop 10', 'vpmu-workload loop 010 done', 'x\nvpmu-workload loop 1 done'])
		t.throws(() => parseWorkloadReport(text), { instanceOf: GuestError }, text);
});
