import test from 'ava';
import { localHost } from '../host/local.ts';
import { startMachine } from '../qemu/machine/start.ts';
import { realGuest } from '../qemu/testing/real.ts';
import { runPerfStat } from './perf/run.ts';
import { parseWorkloadReport, workloads } from './workloads.ts';

/*
 * An emulated CPU with an instruction-driven clock (`-icount shift=0`) has the event INST_RETIRED and counts it exactly.
 * So QEMU checks the figures independently of the kernel's single steps.
 */
test("the difference of perf's counts for N and 2N is the documented figure, to the instruction", async t => {
	await using host = localHost();
	const spec = { ...(await realGuest()), cpu: 'max', cpuProperties: { 'pauth-impdef': true }, icountShift: 0 };
	await using machine = await startMachine(host, spec);
	const { shell } = machine;
	await shell.ready({ timeoutMs: 240_000 });
	const count = async (argv: readonly string[]) => {
		const { entries, result } = await runPerfStat(shell, {
			events: ['instructions:u'],
			command: [...argv],
			timeoutMs: 120_000,
		});
		t.is(result.status, 0);
		const [entry] = entries;
		t.is(
			entry?.state,
			'counted',
			JSON.stringify(entry, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
		);
		return entry!.count!;
	};
	const { loop, branches, loads, stores, syscalls, faults } = workloads;
	for (const [workload, n] of [
		[loop, 100_000n],
		[branches, 100_000n],
		[loads, 100_000n],
		[stores, 100_000n],
		[syscalls, 1000n],
		[faults, 1000n],
		[workloads.threads(4), 100_000n],
	] as const) {
		const [once, twice] = [await count(workload.argv(n)), await count(workload.argv(2n * n))];
		const { instructions, loop: perLoop } = workload.figures(n);
		const figure = perLoop.instructions;
		t.log(`${workload.name} ${n}: ${once}, ${2n * n}: ${twice}; ${twice - once} more, ${figure} by the figures`);
		// Threads that wait for one another look again as often as they are woken: four instructions each time.
		const most = instructions === null ? 100n : 0n;
		const off = twice - once - figure;
		t.true(off <= most && -off <= most, `${workload.name}: off by ${off}`);
	}
	const { stdout } = await shell.run(loop.argv(7), { timeoutMs: 60_000 });
	t.deepEqual(parseWorkloadReport(stdout.toString()).done, [{ name: 'loop', n: 7n }]);
});
