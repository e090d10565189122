import { pmuTest } from '../../../../../harness/test.ts';

/** VPMU_SOAK cells: one in seven boots; the others start, answer questions, and end. */
const variants = Array.from(
	{ length: Number(process.env.VPMU_SOAK ?? 14) },
	(_, index) => `${index % 7 === 0 ? 'boot' : 'start'}-${index}`,
);

pmuTest('many cells in one process', { accel: ['tcg'], variant: variants }, async (_t, cell) => {
	if (cell.axes.variant?.startsWith('start') === true) {
		await cell.startWithoutBoot();
		return;
	}
	const guest = await cell.boot();
	await guest.count(['cycles']);
});
