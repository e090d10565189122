import { pmuTest } from '../../harness/test.ts';

pmuTest('-cpu pmu=off leaves the guest without a PMU', { cpuPmu: [false] }, async (t, cell) => {
	const { home } = cell;
	cell.requiredCpus = home;
	const guest = await cell.boot({ affinity: home });
	const [cycles] = await guest.count(['cycles'], { pinned: home });
	t.is(cycles?.state, 'not-supported');
});
