import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'on a heterogeneous host the default counts while the vCPU stays where it started',
	{ topology: ['biglittle'], machine: ['virt', 'virt-9.2'] },
	async (_t, cell) => {
		const [home] = cell.groups;
		cell.requiredCpus = home;
		const guest = await cell.boot({ affinity: home! });
		await guest.count(['cycles'], { pinned: home! });
	},
);
