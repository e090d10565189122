import { chooseOn, findingsAlone, pmuTest } from '../../harness/test.ts';

pmuTest(
	'QEMU reads only the facts that decide, and applies the rules in order',
	{
		selection: 'full',
		needs: { choice: true, pmus: 1 },
		// With a kernel that has fixed counters: F4, which such a host alone shows.
		expectFailure: (_, unmet) => findingsAlone(unmet),
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
		await chooseOn(cell, 'telling');
	},
);
