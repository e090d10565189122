import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'on a kernel without SET_PMU, or without a PMU for guests, QEMU chooses what that kernel can do',
	{
		selection: 'full',
		topology: ['uniform', 'biglittle'],
		machine: ['virt', 'virt-9.2'],
		simulate: ['no-set-pmu', 'no-kvm-pmu'],
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
	},
);
