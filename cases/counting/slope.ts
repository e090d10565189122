import { pmuTest } from '../../harness/test.ts';

pmuTest('twice the work counts twice the cycles', { selection: 'full' }, async (_t, cell) => {
	const guest = await cell.boot();
	const [cycles] = await guest.count(['cycles']);
	const ratio = Number(cycles?.doubledCount ?? 0n) / Number(cycles?.count ?? 1n);
	cell.expect(ratio > 1.4 && ratio < 2.8, `twice the work counted ${ratio.toFixed(2)} times the cycles`);
});
