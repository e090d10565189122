import { migrateTo, pmuTest, restoreFrom } from '../../harness/test.ts';

pmuTest(
	'a guest restored with another backend sees no difference, or the restore is refused cleanly',
	{
		selection: 'full',
		topology: ['uniform', 'biglittle'],
		backcompatPmu: [true, false],
		needs: { choice: true },
	},
	async (t, cell) => {
		await cell.startWithoutBoot();
		const other = { backcompatPmu: !cell.axes.backcompatPmu };
		const [source, target] = [
			await cell.startBeside(),
			await cell.startBeside({ ...other, spec: { extra: ['-incoming', 'defer'] } }),
		];
		await using folder = await cell.host.makeFolder();
		t.is(await migrateTo(source, `file:${folder.path}/saved`), 'completed');
		const restored = await restoreFrom(target, `file:${folder.path}/saved`);
		// The registers of the guest's PMU must be restored into something; without a PMU, they must have been absent
		// before.
		const [before, after] = [cell.prediction.guestHasPmu, cell.predict(other).guestHasPmu];
		if (before && !after) t.regex(restored, /^(failed|exited)/, 'a guest was restored without the PMU that it had');
		else if (before === after) t.is(restored, 'completed');
		else t.regex(restored, /^(completed|failed|exited)/);
	},
);
