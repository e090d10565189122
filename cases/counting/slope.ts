import { pmuTest } from '../../harness/test.ts';

pmuTest('twice the work counts twice the cycles', { selection: 'full' }, async (_t, cell) => {
	const guest = await cell.boot();
	const [cycles] = await guest.count(['cycles'], { iterations: 10_000_000 });
	const ratio = Number(cycles?.doubledCount ?? 0n) / Number(cycles?.count ?? 1n);
	cell.expect(ratio > 1.6 && ratio < 2.6, `twice the work counted ${ratio.toFixed(2)} times the cycles`);
});
