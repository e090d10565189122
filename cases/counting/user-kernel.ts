import { pmuTest } from '../../harness/test.ts';

/** How often the counts are taken before a wrong sum is believed: a host may pause between the reading of two counters. */
const attempts = 8;

pmuTest(
	'user and kernel cycles add up to all cycles',
	{ selection: 'full', needs: { counting: true } },
	async (t, cell) => {
		const guest = await cell.boot();
		// Use system calls, so that both modes have something to count: few, since a slow board counts a nanosecond as a cycle,
		// and from 2^31 on, where Linux takes the counter's overflow, its counts were seen to be wrong by a part of that.
		const command = ['/vpmu/workload', 'syscalls', '30000'];
		const sums: string[] = [];
		for (let attempt = 0; attempt < attempts; attempt++) {
			const readings = await guest.count(['cycles', 'cycles:u', 'cycles:k'], { command });
			const [all, user, kernel] = readings.map(reading => Number(reading.count ?? 0n)) as [number, number, number];
			t.true(user > 0 && kernel > 0, `user ${user}, kernel ${kernel}: one mode does not count`);
			const ratio = (user + kernel) / all;
			if (ratio > 0.9 && ratio < 1.1) return;
			sums.push(`user ${user} and kernel ${kernel} are ${ratio.toFixed(3)} of all ${all} cycles`);
		}
		t.fail(sums.join('; '));
	},
);
