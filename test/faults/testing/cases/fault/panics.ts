import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('the guest panics', { accel: ['tcg'] }, async (_t, cell) => {
	const guest = await cell.boot();
	await guest.shell.run('echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger');
});
