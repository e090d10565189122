import { kernelArguments } from '../../../../../harness/run/resources/kernel-arguments.ts';
import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('the guest boots, and its first process never answers', { accel: ['tcg'] }, async (_t, cell) => {
	await cell.boot({ spec: { append: kernelArguments.replace('rdinit=/vpmu/agent', 'rdinit=/usr/bin/cat') } });
});
