import { pmuTest } from '../../../../../harness/test.ts';

pmuTest("the guest's clock jumps back and forth while it counts", { accel: ['tcg'] }, async (t, cell) => {
	const guest = await cell.boot();
	const jumps = guest.shell.run('for day in 2001-01-01 2035-01-01; do sleep 0.3; date -s $day; done');
	await guest.count(['cycles']);
	t.is((await jumps).status, 0);
});
