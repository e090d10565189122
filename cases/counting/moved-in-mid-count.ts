import { countingOn, countWhileMoving, endMoving, parseCpuList, pmuTest } from '../../harness/test.ts';

pmuTest(
	'when moved across groups of host CPUs during a count, the guest counts, stops or cannot run as predicted',
	{
		selection: 'full',
		topology: ['uniform', 'biglittle'],
		machine: ['virt', 'virt-9.2'],
		pmu: [null, '#1'],
		skip: ({ prediction }) =>
			prediction.guestHasPmu ? undefined : `needs a guest with a PMU; this one gets none (${prediction.rule})`,
	},
	async (t, cell) => {
		const stateOn = (cpus: string) => countingOn(cell.prediction, cpus);
		const stops = cell.groups.length > 1 ? cell.groups : [...parseCpuList(cell.groups[0]!)].map(String);
		const away = stops.find(cpus => stateOn(cpus) === 'cannot-run') ?? stops.at(-1)!;
		const home = stops.find(cpus => cpus !== away)!;
		const guest = await cell.boot({ affinity: home });
		// There and back: counting must resume on the first group.
		const stays = await countWhileMoving(
			...([guest, 'cycles', [home, away, home], (cpus: string) => stateOn(cpus) === 'cannot-run'] as const),
		);
		await endMoving(guest);
		for (const { reading, refused } of stays) {
			cell.addReading(reading);
			if (refused === undefined) continue;
			t.regex(refused.text, /vCPU 0 .*KVM_EXIT_FAIL_ENTRY/);
			t.is(cell.observations.qmp?.runState, 'running');
		}
	},
);
