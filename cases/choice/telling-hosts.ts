import { chooseOn, pmuTest } from '../../harness/test.ts';

pmuTest(
	'QEMU reads the facts that decide, and no others, and applies the rules in their order',
	{
		selection: 'full',
		needs: { choice: true, pmus: 1 },
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
		await chooseOn(cell, 'telling');
	},
);
