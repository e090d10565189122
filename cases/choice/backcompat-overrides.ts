import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'backcompat-pmu given by the user overrides the machine version, and a QEMU without it refuses it',
	{
		selection: 'full',
		topology: ['uniform', 'biglittle', 'overlap'],
		machine: ['virt', 'virt-9.2'],
		backcompatPmu: [true, false],
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
	},
);
