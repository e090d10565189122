import { pmuTest } from '../../../../../harness/test.ts';

pmuTest('QEMU is killed while it counts', { accel: ['tcg'] }, async (_t, cell) => {
	const guest = await cell.boot();
	setTimeout(() => void guest.machine.process.kill('SIGKILL'), 500);
	await guest.count(['cycles'], { iterations: 1_000_000_000 });
});
