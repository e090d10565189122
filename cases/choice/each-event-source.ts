import { choiceNeeded, pmuTest } from '../../harness/test.ts';

pmuTest(
	'pmu=N gives the guest the event source of type N, on the CPUs that it covers',
	{
		selection: 'full',
		topology: ['uniform', 'biglittle'],
		machine: ['virt', 'virt-9.2'],
		pmu: ['#0', '#1'],
		skip: known =>
			choiceNeeded(known) ??
			(known.pmu === '#1' && known.pmus.length < 2 ? `needs a second PMU; ${known.facts.host} has one` : undefined),
	},
	async (_t, cell) => {
		const isHome = (group: string) => cell.prediction.counting[Number.parseInt(group, 10)] === 'counts';
		const [home, away] = [cell.groups.find(isHome)!, cell.groups.filter(group => !isHome(group))];
		const guest = await cell.boot({ affinity: home });
		// Where the vCPU cannot run comes last: nothing is to be had of the guest from there.
		for (const pinned of [home, ...away]) await guest.count(['cycles'], { pinned });
	},
);
