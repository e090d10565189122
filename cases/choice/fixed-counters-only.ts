import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'if no PMU covers all CPUs and the kernel has fixed counters only, QEMU requests them for the probe and each vCPU',
	{
		selection: 'full',
		topology: ['biglittle'],
		vcpus: [1, 2],
		simulate: ['fixed-counters-only'],
		needs: { choice: true },
	},
	async (t, cell) => {
		await cell.startWithoutBoot();
		// The requests to the kernel, recorded by the shim that simulates it.
		const log = await cell.shimLog();
		t.true(log.includes('has-attribute 5 0'), 'the kernel was not asked whether it has fixed counters');
		t.is(log.filter(line => /^set-attribute 5 /.test(line)).length, 1 + cell.axes.vcpus);
		t.deepEqual(
			log.filter(line => /^set-attribute 3 /.test(line)),
			[],
			'an event source was set as well',
		);
	},
);
