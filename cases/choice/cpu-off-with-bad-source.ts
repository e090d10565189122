import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'with -cpu pmu=off, an event source that KVM refuses is never set and stops nothing',
	{ selection: 'full', pmu: ['9999'], cpuPmu: [false], needs: { choice: true } },
	async (_t, cell) => {
		await cell.startWithoutBoot();
	},
);
