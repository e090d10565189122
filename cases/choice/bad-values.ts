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
		// 2^64-1 is documented to mean "not given"; the verdict judges what starts.
		if (said !== undefined) cell.expect(/\bpmu\b/.test(said), `the message must name pmu, but it is: ${said}`);
	},
);

// What else would decide there: an old machine type, a KVM without a PMU, without SET_PMU, or with fixed counters only.
for (const [kind, further] of Object.entries({
	'by an old machine type': { topology: ['uniform'], backcompatPmu: [true] },
	'by an older kernel': { topology: ['uniform'], simulate: ['no-kvm-pmu', 'no-pmu-vcpu', 'no-set-pmu'] },
	'by a kernel with fixed counters only': { topology: ['biglittle'], simulate: ['fixed-counters-only'] },
} satisfies Record<string, Matrix>)) {
	pmuTest(
		`an impossible pmu value is not overruled ${kind}`,
		{ ...matrix, ...further, pmu: ['4294967296', 'text'] },
		async (_t, cell) => {
			await cell.refusal();
		},
	);
}
