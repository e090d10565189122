import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'on a heterogeneous host the counters continue when the vCPU moves to the other kind of CPU',
	{
		topology: ['biglittle'],
		otherTopologies: ['biglittle-swapped', 'three-clusters'],
		expectFailure: ({ prediction }) =>
			Object.values(prediction.counting).includes('stops')
				? "D1: KVM's default PMU belongs to one kind of CPU, so its counters stop when the vCPU moves to another kind"
				: undefined,
	},
	async (_t, cell) => {
		const { home, groups } = cell;
		const guest = await cell.boot({ affinity: home });
		for (const pinned of [home, ...groups.filter(group => group !== home)]) {
			const [cycles] = await guest.count(['cycles'], { pinned });
			cell.expect(
				cell.prediction.guestHasPmu === false || (cycles?.state === 'counted' && cycles.count !== 0n),
				`cycles do not count on host CPU ${pinned}`,
			);
		}
	},
);
