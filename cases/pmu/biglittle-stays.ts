import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'on a heterogeneous host the default backend counts while the vCPU stays where it started',
	{ topology: ['biglittle'], otherTopologies: ['biglittle-swapped', 'three-clusters'] },
	async (_t, cell) => {
		const { home } = cell;
		cell.requiredCpus = home;
		const guest = await cell.boot({ affinity: home });
		await guest.count(['cycles'], { pinned: home });
	},
);
