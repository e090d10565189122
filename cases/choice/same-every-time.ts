import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'ten starts choose the same PMU, whatever the order in which the kernel found the PMUs',
	{ selection: 'full', topology: ['uniform', 'biglittle', 'overlap', 'overlap-swapped'] },
	async (t, cell) => {
		const seen = new Set<string>();
		for (let start = 0; start < 10; start++) {
			const machine = await cell.startWithoutBoot();
			const { qmp, trace } = cell.observations;
			seen.add(JSON.stringify([qmp?.cpuPmu, trace?.setPmu, trace?.setFixedCountersOnly]));
			await machine.shutdown();
		}
		t.is(seen.size, 1, [...seen].join(' and '));
	},
);
