import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a case that ends its worker', { accel: ['tcg'] }, async (_t, cell) => {
	await cell.startWithoutBoot();
	process.exit(3);
});
