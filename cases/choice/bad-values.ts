import { finding, type Matrix, pmuTest } from '../../harness/test.ts';

const matrix = {
	selection: 'full',
	needs: { choice: true },
	expectFailure: ({ prediction }) => (prediction.rule === 'explicit-refused' ? finding('F12') : undefined),
} satisfies Matrix;

pmuTest(
	'a pmu value that is not an event source of KVM is refused, and the message names it',
	{
		...matrix,
		pmu: ['0', '1', '2', '3', '4', '5', '9999', '4294967295', '4294967296', '18446744073709551615', '-1', 'text', ''],
	},
	async (_t, cell) => {
		const said = await cell.refusal();
		// 2^64-1 is the documented word for "not given"; what else starts is for the verdict to condemn.
		if (said !== undefined) cell.expect(/\bpmu\b/.test(said), `the message must name pmu, but it is: ${said}`);
	},
);

// Whatever else would decide there: an old machine type, a KVM without a PMU, without SET_PMU, with fixed counters only.
for (const [kind, further] of Object.entries({
	'by an old machine type': { topology: ['uniform'], backcompatPmu: [true] },
	'by a lesser kernel': { topology: ['uniform'], simulate: ['no-kvm-pmu', 'no-pmu-vcpu', 'no-set-pmu'] },
	'by a kernel with fixed counters only': { topology: ['biglittle'], simulate: ['fixed-counters-only'] },
} satisfies Record<string, Matrix>)) {
	pmuTest(
		`a pmu value that no event source can have is not overruled ${kind}`,
		{ ...matrix, ...further, pmu: ['4294967296', 'text'] },
		async (_t, cell) => {
			await cell.refusal();
		},
	);
}
