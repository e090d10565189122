import { pmuTest } from '../../harness/test.ts';

pmuTest('an old machine version keeps its PMU', { machine: ['virt-9.2'] }, async (_t, cell) => {
	const { home } = cell;
	cell.requiredCpus = home;
	const guest = await cell.boot({ affinity: home });
	await guest.count(['cycles'], { pinned: home });
});
