import { chooseOn, pmuTest } from '../../harness/test.ts';

pmuTest(
	'QEMU reads only the facts that decide, and applies the rules in order',
	{
		selection: 'full',
		needs: { choice: true, pmus: 1 },
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
		await chooseOn(cell, 'telling');
	},
);
