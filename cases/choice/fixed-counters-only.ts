import { choiceNeeded, pmuTest } from '../../harness/test.ts';

pmuTest(
	'where no PMU covers all CPUs and the kernel has fixed counters only, that is what the guest is given',
	{ selection: 'full', topology: ['biglittle'], simulate: ['fixed-counters-only'], skip: choiceNeeded },
	async (_t, cell) => {
		await cell.startWithoutBoot();
	},
);
