import { pmuTest, workloads } from '../../harness/test.ts';

pmuTest(
	'under -icount the guest counts exactly the instructions of the workload',
	{ selection: 'full', accel: ['tcg'] },
	async (t, cell) => {
		const guest = await cell.boot({ icountShift: 1 });
		await guest.count(['cycles', 'instructions'], { iterations: 2_000_000 });
		for (const turns of [1000, 50_000, 100_000]) {
			const [users] = await guest.count(['instructions:u'], { command: workloads.loop.argv(turns) });
			t.is(users?.count, workloads.loop.figures(turns).instructions, `${turns} turns`);
		}
	},
);
