import { countingOn, pmuTest } from '../../harness/test.ts';

pmuTest(
	'pmu=N gives the guest the event source of type N, on the CPUs that it covers and no others',
	{ selection: 'full', topology: ['uniform', 'biglittle'], pmu: ['#0', '#1'], needs: { choice: true } },
	async (_t, cell) => {
		const isHome = (group: string) => countingOn(cell.prediction, group) === 'counts';
		const [home, away] = [cell.groups.find(isHome)!, cell.groups.filter(group => !isHome(group))];
		const guest = await cell.boot({ affinity: home });
		// CPUs where the vCPU cannot run come last, since the guest does not answer from there.
		for (const pinned of [home, ...away]) await guest.count(['cycles'], { pinned });
	},
);
