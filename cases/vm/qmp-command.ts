import { vmTest } from '../../harness/test.ts';

vmTest(
	'query-cpus-fast lists each requested vCPU with its own thread',
	{ selection: 'full', accel: ['tcg', 'kvm'], vcpus: [1, 4] },
	async (t, cell) => {
		const { qmp } = await cell.startWithoutBoot();
		const cpus = await qmp.execute('query-cpus-fast');
		t.deepEqual(
			cpus.map(cpu => cpu['cpu-index']),
			Array.from({ length: cell.axes.vcpus }, (_, index) => index),
		);
		t.is(new Set(cpus.map(cpu => cpu['thread-id'])).size, cell.axes.vcpus);
	},
);
