import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'backcompat-pmu given by the user outranks the machine version; a QEMU without it refuses it',
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
