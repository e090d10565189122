import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'user and kernel cycles add up to all cycles',
	{ selection: 'full', needs: { counting: true } },
	async (t, cell) => {
		const guest = await cell.boot();
		// Use system calls, so that both modes have something to count.
		const command = ['/vpmu/workload', 'syscalls', '300000'];
		const readings = await guest.count(['cycles', 'cycles:u', 'cycles:k'], { command });
		const [all, user, kernel] = readings.map(reading => Number(reading.count ?? 0n)) as [number, number, number];
		t.true(user > 0 && kernel > 0, `user ${user}, kernel ${kernel}: one mode does not count`);
		const ratio = (user + kernel) / all;
		t.true(
			ratio > 0.9 && ratio < 1.1,
			`user ${user} and kernel ${kernel} are ${ratio.toFixed(3)} of all ${all} cycles`,
		);
	},
);
