import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a guest boots and counts', { accel: ['tcg'] }, async (_t, cell) => {
	const guest = await cell.boot();
	await guest.count(['cycles']);
});
