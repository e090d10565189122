import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a case with a mistake', { accel: ['tcg'] }, async (_t, cell) => {
	await cell.startWithoutBoot();
	(undefined as unknown as { call(): void }).call();
});
