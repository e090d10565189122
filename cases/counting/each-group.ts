import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'pinned to each group of host CPUs from its start, the guest counts',
	{ selection: 'full', topology: ['biglittle', 'three-clusters'] },
	async (_t, cell) => {
		const [home] = cell.groups.slice(-1);
		cell.requiredCpus = home;
		const guest = await cell.boot({ affinity: home! });
		await guest.count(['cycles'], { pinned: home! });
	},
);
