import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'guest kernels 6.1, 6.12 and 7.x find the PMU and count with it',
	{
		kernel: ['debian:bookworm', 'debian:trixie', 'debian:trixie-backports'],
		selection: 'full',
		needs: { counting: true },
	},
	async (_t, cell) => {
		const guest = await cell.boot();
		await guest.count(['cycles']);
	},
);
