import { chooseOn, findingsAlone, pmuTest } from '../../harness/test.ts';

pmuTest(
	'on random hosts QEMU chooses as predicted, even with odd sysfs files and KVM answers',
	{
		selection: 'full',
		needs: { choice: true, pmus: 1 },
		expectFailure: (_, unmet) => findingsAlone(unmet),
	},
	async (_t, cell) => {
		await cell.startWithoutBoot();
		await chooseOn(cell, 'random');
	},
);
