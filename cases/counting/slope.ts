import { pmuTest } from '../../harness/test.ts';

pmuTest(
	"twice the work counts twice as much, for cycles and the PMU's other events",
	{ selection: 'full', accel: ['kvm', 'tcg'], needs: { counting: true } },
	async (_t, cell) => {
		const guest = await cell.boot();
		// count() counts N and 2N of each event, and the verdict compares them.
		await guest.count(['cycles', 'instructions']);
		await guest.count(['cycles', 'instructions'], { iterations: 200_000_000 });
	},
);
