import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'an event source is the same by its name, whatever its type, on old machine versions too',
	{
		selection: 'full',
		topology: ['biglittle', 'biglittle-swapped'],
		machine: ['virt', 'virt-9.2'],
		pmu: ['armv8_cortex_a53', 'armv8_cortex_a72'],
		needs: { choice: true },
	},
	async (t, cell) => {
		await cell.startWithoutBoot();
		const named = cell.pmus.find(pmu => pmu.name === cell.axes.pmu);
		t.deepEqual([...new Set(cell.observations.trace?.setPmu.map(line => line.type))], [named?.type]);
	},
);
