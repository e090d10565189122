import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'pmu=N gives the guest the event source of type N, on the CPUs that it covers',
	{
		topology: ['uniform', 'biglittle'],
		pmu: ['#0', '#1'],
		skip: ({ qemu, pmu, facts, topology }) =>
			!qemu.hasPmuChoice
				? `needs a QEMU with the PMU choice; ${qemu.version} has no accelerator property pmu`
				: pmu === '#1' && topology === 'uniform'
					? `needs a second PMU; ${facts.host} has one`
					: undefined,
	},
	async (_t, cell) => {
		const home = cell.groups.find(group => cell.prediction.counting[Number.parseInt(group, 10)] === 'counts');
		const guest = await cell.boot({ affinity: home! });
		for (const pinned of [home!, ...cell.groups.filter(group => group !== home)])
			await guest.count(['cycles'], { pinned });
	},
);
