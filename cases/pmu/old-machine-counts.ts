import { pmuTest } from '../../harness/test.ts';

pmuTest('an old machine version keeps the PMU it had', { machine: ['virt-9.2'] }, async (_t, cell) => {
	const guest = await cell.boot();
	await guest.count(['cycles']);
});
