import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'the CPU and the accelerator can be asked twice, and answer the same',
	{ selection: 'full' },
	async (t, cell) => {
		const { qmp } = await cell.startWithoutBoot();
		const expand = () => qmp.execute('query-cpu-model-expansion', { type: 'full', model: { name: 'host' } });
		const [first, second] = [await expand(), await expand()];
		t.deepEqual(second, first);
		const [cpu] = await qmp.execute('query-cpus-fast');
		const properties = await qmp.execute('qom-list', { path: cpu!['qom-path'] });
		t.is(
			properties.some(property => property.name === 'pmu'),
			cell.prediction.cpuPmuProperty !== 'absent',
		);
		await qmp.execute('qom-list-properties', { typename: 'kvm-accel' });
		t.is((await qmp.execute('query-status')).status, 'prelaunch');
	},
);
