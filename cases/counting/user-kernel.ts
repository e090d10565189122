import { pmuTest } from '../../harness/test.ts';

pmuTest('cycles of user and kernel add up to all cycles', { selection: 'full' }, async (_t, cell) => {
	const guest = await cell.boot();
	const readings = await guest.count(['cycles', 'cycles:u', 'cycles:k']);
	const [all, user, kernel] = readings.map(reading => Number(reading.count ?? 0n));
	cell.expect(user! > 0 && kernel! > 0, `user ${user}, kernel ${kernel}: one of them does not count`);
	const ratio = (user! + kernel!) / all!;
	cell.expect(ratio > 0.9 && ratio < 1.1, `user and kernel are ${ratio.toFixed(3)} of all cycles`);
});
