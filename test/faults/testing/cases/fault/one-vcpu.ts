import { kernelArguments } from '../../../../../harness/run/resources/kernel-arguments.ts';
import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('the guest brings up one of its two vCPUs', { accel: ['tcg'], vcpus: [2] }, async (_t, cell) => {
	const guest = await cell.boot({ spec: { append: `${kernelArguments} maxcpus=1` } });
	await guest.count(['cycles']);
});
