import { pmuTest } from '../../harness/test.ts';

pmuTest(
	"-cpu pmu=off removes the guest's PMU even if an event source is chosen",
	{ selection: 'full', pmu: ['#0'], cpuPmu: [false], needs: { choice: true } },
	async (t, cell) => {
		const guest = await cell.boot();
		const [cycles] = await guest.count(['cycles']);
		t.is(cycles?.state, 'not-supported');
	},
);
