import { choiceNeeded, pmuTest } from '../../harness/test.ts';

pmuTest(
	'backcompat-pmu given by the user outranks the machine version',
	{
		selection: 'full',
		topology: ['uniform', 'biglittle'],
		machine: ['virt', 'virt-9.2'],
		backcompatPmu: [true, false],
		skip: choiceNeeded,
	},
	async (_t, cell) => {
		const [home] = cell.groups;
		cell.requiredCpus = home;
		const guest = await cell.boot({ affinity: home! });
		await guest.count(['cycles'], { pinned: home! });
	},
);
