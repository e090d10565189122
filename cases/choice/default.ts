import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'without PMU options the backend is the predicted one, on hosts of all shapes',
	{
		selection: 'full',
		topology: [
			'uniform',
			'biglittle',
			'biglittle-swapped',
			'overlap',
			'overlap-swapped',
			'partial',
			'none',
			'offline',
			'partial-offline',
			'biglittle-offline',
			'three-clusters',
		],
		machine: ['virt', 'virt-9.2'],
	},
	async (_t, cell) => {
		// KVM creates a vCPU with a PMU only on a CPU that has one.
		await cell.startWithoutBoot({ affinity: cell.groups[0]! });
	},
);
