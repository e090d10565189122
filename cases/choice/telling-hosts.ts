import { chooseOn, findingsAlone, pmuTest } from '../../harness/test.ts';

pmuTest(
	'QEMU reads only the facts that decide, and applies the rules in order',
	{
		selection: 'full',
		needs: { choice: true, pmus: 1 },
		// Only a kernel with fixed counters has something left to try where sysfs cannot be read.
		expectFailure: ({ facts }, unmet) => (facts.kvm.attribute5 === 'yes' ? findingsAlone(unmet, ['F4']) : undefined),
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
		await chooseOn(cell, 'telling');
	},
);
