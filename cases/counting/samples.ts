import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'perf record gets samples of the workload: overflow interrupts reach the guest',
	{ selection: 'full', topology: ['uniform', 'overlap'], needs: { overflow: true, counting: true } },
	async (t, cell) => {
		const guest = await cell.boot();
		await guest.count(['cycles']);
		const [turns, period] = [100_000_000, 2_000_000];
		const fields = await guest.fields(
			`cd /tmp && perf record -q -e ${guest.eventFor('cycles')} -c ${period} -o record /vpmu/workload loop ${turns} >/dev/null
			perf script -i record -F comm >samples 2>/dev/null
			echo "samples=$(wc -l <samples)"
			echo "ours=$(grep -c workload samples)"`,
			120_000,
		);
		const [samples, ours] = [Number(fields.samples), Number(fields.ours)];
		guest.keep('perf record', `${samples} samples, ${ours} of them in the workload, one each ${period} cycles`);
		// At least as many periods as the work takes, at a quarter of a cycle per iteration.
		t.true(ours >= turns / 4 / period, `${ours} of ${samples} samples are in the workload`);
		t.true(ours > samples / 2, `only ${ours} of ${samples} samples are in the workload`);
	},
);
