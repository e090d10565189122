import { pmuTest } from '../../harness/test.ts';

pmuTest('CPU models host and max have the same PMU', { selection: 'full', cpu: ['host', 'max'] }, async (_t, cell) => {
	const guest = await cell.boot();
	await guest.count(['cycles']);
});
