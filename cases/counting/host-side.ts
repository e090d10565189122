import { countingOn, pmuTest, vcpuThreads } from '../../harness/test.ts';

pmuTest(
	"the host's count of the guest's work agrees with the guest's own count",
	{ selection: 'full', topology: ['uniform', 'biglittle', 'biglittle-offline'], machine: ['virt-9.2'] },
	async (t, cell) => {
		const { groups } = cell;
		const home = groups[0]!;
		const guest = await cell.boot({ affinity: home });
		const threads = (await vcpuThreads(guest.machine.qmp)).map(thread => thread.threadId);
		for (const pinned of groups) {
			const name = cell.pmuOn(pinned)?.name;
			if (name === undefined) {
				// The host cannot count there. The verdict checks that the guest's counters stand still.
				await guest.count(['cycles'], { pinned });
				continue;
			}
			const host = await cell.countOnHost(threads, [`${name}/cpu_cycles/G`, `${name}/cpu_cycles/GH`]);
			const [inside] = await guest.count(['cycles'], { pinned });
			const [ours, all] = await host.stop();
			const [seen, counted] = [Number(ours?.count ?? 0), Number(inside?.count ?? 0)];
			t.true(seen < Number(all?.count ?? 0), "a thread's total count is not larger than its count in guest mode");
			guest.keep(`host CPUs ${pinned}: ${name}/cpu_cycles/G on the host`, String(seen));
			// The host counted the work three times (N and 2N), plus whatever else the guest did.
			t.true(seen > 75_000_000, `the host counted ${seen} cycles in the guest on ${pinned}`);
			if (countingOn(cell.prediction, pinned) === 'counts') {
				t.true(counted < seen, `the guest counted ${counted} cycles, of which the host saw ${seen}`);
			} else {
				t.is(counted, 0, 'the guest counts where its PMU does not');
			}
		}
	},
);
