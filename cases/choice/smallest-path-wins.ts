import { choiceNeeded, pmuTest } from '../../harness/test.ts';

pmuTest(
	'of two PMUs that cover all CPUs, the one with the smallest device path is chosen',
	{ selection: 'full', topology: ['overlap', 'overlap-swapped'], skip: choiceNeeded },
	async (t, cell) => {
		const guest = await cell.boot();
		await guest.count(['cycles']);
		const links = new Map(cell.pmus.map(pmu => [pmu.type, pmu.link]));
		const smallest = [...links].sort(([, a], [, b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))[0];
		t.is(cell.observations.trace?.setPmu[0]?.type, smallest?.[0]);
	},
);
