import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('QEMU is stopped while it counts', { accel: ['tcg'] }, async (_t, cell) => {
	const guest = await cell.boot();
	setTimeout(() => void guest.machine.process.kill('SIGSTOP'), 500);
	await guest.count(['cycles'], { iterations: 1_000_000_000 });
});
