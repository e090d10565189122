import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('the guest reboots', { accel: ['tcg'] }, async (_t, cell) => {
	const guest = await cell.boot();
	await guest.shell.run('reboot -f; sleep 60');
});
