import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'the CPU and its model answer the same when asked twice, and the accelerator can no longer be changed',
	{ selection: 'full', topology: ['uniform', 'biglittle'] },
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
		for (const path of ['/machine/accel', '/machine/kvm-accel', '/objects/kvm-accel']) {
			await t.throwsAsync(qmp.execute('qom-set', { path, property: 'pmu', value: 10 }), { code: 'QMP_COMMAND' });
		}
		t.is((await qmp.execute('query-status')).status, 'prelaunch');
	},
);
