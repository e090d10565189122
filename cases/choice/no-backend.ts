import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'if no PMU can back the guest, it boots without one',
	{ selection: 'full', topology: ['partial', 'none', 'biglittle'], cpuPmu: [null, true, false] },
	async (_t, cell) => {
		const [home] = cell.groups;
		if (cell.prediction.guestHasPmu) cell.requiredCpus = home;
		const guest = await cell.boot({ affinity: home! });
		await guest.count(['cycles'], { pinned: home! });
	},
);
