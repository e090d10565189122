import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a case whose demand is not met', { accel: ['tcg'] }, async (t, cell) => {
	await cell.startWithoutBoot();
	t.is(1 + 1, 3, 'a demand that nothing meets');
});
