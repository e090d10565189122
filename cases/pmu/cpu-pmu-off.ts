import { pmuTest } from '../../harness/test.ts';

pmuTest('-cpu pmu=off leaves the guest without a PMU', { cpuPmu: [false] }, async (t, cell) => {
	const guest = await cell.boot();
	const [cycles] = await guest.count(['cycles']);
	t.is(cycles?.state, 'not-supported');
});
