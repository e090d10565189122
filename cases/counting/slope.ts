import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'twice the work counts twice as much, cycles and what other events the PMU has',
	{ selection: 'full', accel: ['kvm', 'tcg'] },
	async (_t, cell) => {
		const guest = await cell.boot();
		// N and 2N of each is what count() does, and the verdict compares.
		await guest.count(['cycles', 'instructions']);
		await guest.count(['cycles', 'instructions'], { iterations: 200_000_000 });
	},
);
