import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a QEMU starts and answers, without a boot', { accel: ['tcg'] }, async (_t, cell) => {
	await cell.startWithoutBoot();
});
