import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a case that never ends', { accel: ['tcg'] }, async (_t, cell) => {
	await cell.startWithoutBoot();
	for (;;);
});
