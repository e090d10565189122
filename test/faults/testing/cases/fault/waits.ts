import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a cell that waits for a person to make a file in its guest', { accel: ['tcg'] }, async (t, cell) => {
	const guest = await cell.boot();
	const wait = 'for n in $(seq 600); do [ -e /tmp/go ] && exit 0; usleep 100000; done; exit 1';
	t.is((await guest.shell.run(wait)).status, 0, 'nobody has made /tmp/go');
	await guest.count(['cycles']);
});
