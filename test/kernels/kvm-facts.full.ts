import test from 'ava';
import { hostTool } from '../../harness/usage/places.ts';
import { startBoard } from '../../src/board/index.ts';
import { openCache } from '../../src/image/index.ts';

/** Its first argument is the program. While the CPU with the PMU is busy, the kernel starts it on the other one. */
const often = `
taskset -c 0 sh -c 'while :; do :; done' & busy=$!
for run in 1 2 3 4 5 6 7 8; do echo run; "$0" 8=0; done
kill $busy`;

test('kvm-facts answers alike wherever it starts, on a host where only one CPU has a PMU', async t => {
	t.timeout(600_000);
	await using board = await startBoard({ cache: await openCache(), topology: 'partial' });
	const program = await board.provide(hostTool('kvm-facts'));
	const { stdout, status } = await board.run(['sh', '-c', often, program], { timeoutMs: 300_000 });
	t.is(status, 0);
	const answers = stdout
		.toString()
		.split('run\n')
		.slice(1)
		.map(run => run.split('\n').filter(line => /^(vcpu|attribute|strict|type|cpu) /.test(line)));
	t.is(answers.length, 8);
	for (const seen of answers) t.deepEqual(seen, answers[0]);
	t.true(answers[0]!.includes('vcpu 0') && answers[0]!.includes('attribute 3 0'), answers[0]!.join('\n'));
});
