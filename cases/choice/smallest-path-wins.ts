import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'of two PMUs that cover all CPUs, the one with the smallest device path is chosen, and counts',
	{ selection: 'full', topology: ['overlap', 'overlap-swapped'], needs: { choice: true } },
	async (t, cell) => {
		const guest = await cell.boot();
		await guest.count(['cycles']);
		const links = new Map(cell.pmus.map(pmu => [pmu.type, pmu.link ?? '']));
		const [smallest] = [...links].sort(([, a], [, b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))[0]!;
		t.deepEqual([...new Set(cell.observations.trace?.setPmu.map(line => line.type))], [smallest]);
	},
);
