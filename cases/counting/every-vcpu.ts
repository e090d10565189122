import { pmuTest } from '../../harness/test.ts';

pmuTest('every vCPU counts', { selection: 'full', vcpus: [1, 2, 4], needs: { counting: true } }, async (_t, cell) => {
	const guest = await cell.boot();
	for (let vcpu = 0; vcpu < cell.axes.vcpus; vcpu++) await guest.count(['cycles'], { vcpu, iterations: 30_000_000 });
});
