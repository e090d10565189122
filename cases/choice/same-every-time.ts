import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'ten starts choose the same PMU, whatever order the kernel found the PMUs in',
	{ selection: 'full', topology: ['uniform', 'biglittle', 'biglittle-swapped', 'overlap', 'overlap-swapped'] },
	async (t, cell) => {
		const seen = new Set<string>();
		for (let start = 0; start < 10; start++) {
			const machine = await cell.startWithoutBoot();
			await cell.stop(machine);
			const { qmp, trace, deviceTree } = cell.observations;
			seen.add(JSON.stringify([qmp?.cpuPmu, trace?.setPmu, trace?.setFixedCountersOnly, deviceTree?.pmuNode]));
		}
		t.is(seen.size, 1, [...seen].join(' and '));
	},
);
