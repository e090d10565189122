import { existsSync, writeFileSync } from 'node:fs';
import { pmuTest } from '../../../../../harness/test.ts';
import { VpmuError } from '../../../../../src/lib/index.ts';

pmuTest('an infrastructure error at the first attempt', { accel: ['tcg'] }, async (_t, cell) => {
	await cell.startWithoutBoot();
	const marker = `${process.env.VPMU_FAULT_FOLDER}/tried`;
	if (existsSync(marker)) return;
	writeFileSync(marker, '');
	throw new VpmuError('the host was away', { blame: 'host' });
});
