import { pmuTest } from '../../harness/test.ts';

pmuTest('the PMU counts again after stop and cont', { selection: 'full' }, async (_t, cell) => {
	const guest = await cell.boot();
	await guest.count(['cycles']);
	await guest.machine.qmp.execute('stop');
	await guest.machine.qmp.execute('cont');
	await guest.count(['cycles']);
});
