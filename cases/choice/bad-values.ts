import { finding, pmuTest } from '../../harness/test.ts';

pmuTest(
	'a pmu value that is no event source of KVM is refused, and the message names it',
	{
		selection: 'full',
		pmu: ['0', '1', '2', '3', '4', '5', '9999', '4294967295', '4294967296', '18446744073709551615', '-1', 'text', ''],
		needs: { choice: true },
		expectFailure: ({ prediction }) => (prediction.rule === 'explicit-refused' ? finding('F12') : undefined),
	},
	async (_t, cell) => {
		const said = await cell.refusal();
		// 2^64-1 is the documented word for "not given"; what else starts is for the verdict to condemn.
		if (said !== undefined) cell.expect(/\bpmu\b/.test(said), `the message must name pmu, but it is: ${said}`);
	},
);
