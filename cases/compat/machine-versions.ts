import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'every machine version gives the CPU the PMU that was predicted',
	{
		selection: 'full',
		machine: ['virt-8.2', 'virt-9.0', 'virt-9.1', 'virt-9.2', 'virt-10.0'],
		topology: ['uniform', 'biglittle'],
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
	},
);
