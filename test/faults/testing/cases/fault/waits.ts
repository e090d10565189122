import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('a cell waits until a person makes a file in its guest', { accel: ['tcg'] }, async (t, cell) => {
	const guest = await cell.boot();
	const wait = 'for n in $(seq 600); do [ -e /tmp/go ] && exit 0; usleep 100000; done; exit 1';
	t.is((await guest.shell.run(wait)).status, 0, '/tmp/go was not made');
	await guest.count(['cycles']);
});
