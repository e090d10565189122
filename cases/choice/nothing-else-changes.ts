import { deviceTreeChanges, pmuTest } from '../../harness/test.ts';

pmuTest(
	'guests with and without a backend differ only in the PMU',
	{ selection: 'full', topology: ['biglittle'], backcompatPmu: [false], needs: { choice: true } },
	async (t, cell) => {
		const own = await cell.startWithoutBoot();
		const other = await cell.startBeside({ backcompatPmu: true });
		const changes = deviceTreeChanges(await cell.deviceTree(own), await cell.deviceTree(other));
		const besides = changes.filter(line => !/^\+ \/pmu\//.test(line));
		// A kernel with fixed counters leaves no guest here without a PMU.
		if (cell.prediction.backend === 'none') t.true(changes.length > 0, 'the device trees do not differ at all');
		else t.deepEqual(changes, [], `a guest with ${cell.prediction.backend} has another device tree`);
		t.is(besides.length, 0, `the device trees differ not only in the PMU: ${besides.join(' ')}`);

		const properties = async ({ qmp }: typeof own) => {
			const { model } = await qmp.execute('query-cpu-model-expansion', { type: 'full', model: { name: 'host' } });
			return Object.entries(model.props as Record<string, unknown>).filter(([name]) => name !== 'pmu');
		};
		t.deepEqual(await properties(own), await properties(other));
	},
);
