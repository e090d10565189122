import { pmuTest } from '../../harness/test.ts';

pmuTest("TCG's own PMU counts cycles, without KVM", { accel: ['tcg'] }, async (_t, cell) => {
	const guest = await cell.boot();
	await guest.count(['cycles']);
});
