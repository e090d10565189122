import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('the guest hangs: it is suspended forever', { accel: ['tcg'] }, async (_t, cell) => {
	const guest = await cell.boot();
	// Every task is frozen, and nothing in this machine can wake it.
	const { status, stderr } = await guest.shell.run('echo freeze >/sys/power/state');
	throw new Error(`it did not hang: ${status} ${stderr}`);
});
