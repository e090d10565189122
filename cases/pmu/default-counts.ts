import { pmuTest } from '../../harness/test.ts';

pmuTest('a guest started without PMU options counts where it started', {}, async (_t, cell) => {
	const { home } = cell;
	cell.requiredCpus = home;
	const guest = await cell.boot({ affinity: home });
	await guest.count(['cycles', 'instructions'], { pinned: home });
});
