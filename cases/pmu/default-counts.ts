import { pmuTest } from '../../harness/test.ts';

pmuTest('a guest started without any PMU option counts', {}, async (_t, cell) => {
	const guest = await cell.boot();
	await guest.count(['cycles', 'instructions']);
});
