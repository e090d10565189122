import { countingOn, pmuTest } from '../../harness/test.ts';

pmuTest(
	'pmu=N gives the guest the event source of type N, on the CPUs that it covers and nowhere else',
	{ selection: 'full', topology: ['uniform', 'biglittle'], pmu: ['#0', '#1'], needs: { choice: true } },
	async (_t, cell) => {
		const isHome = (group: string) => countingOn(cell.prediction, group) === 'counts';
		const [home, away] = [cell.groups.find(isHome)!, cell.groups.filter(group => !isHome(group))];
		const guest = await cell.boot({ affinity: home });
		// Where the vCPU cannot run comes last: nothing is to be had of the guest from there.
		for (const pinned of [home, ...away]) await guest.count(['cycles'], { pinned });
	},
);
