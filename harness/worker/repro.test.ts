import test from 'ava';
import { planCells } from '../plan/plan.ts';
import { reproArguments } from './repro.ts';

test('a cell of several kernels is run again with its own', t => {
	const [cell] = planCells([{ case: 'pmu/a', title: 'a', matrix: {} }], {
		...{ cases: [], on: 'board', qemus: ['/q'], tcgQemus: [] },
		...{ kernels: ['small'], boardKernels: ['debian:bookworm'] },
	});
	const words = reproArguments(cell!, { kernel: 'debian:trixie', boardKernel: 'debian:bookworm' }, null);
	t.deepEqual(words, [
		...['run', '--cell', 'pmu/a[uniform,/q,virt,kernel=small,board-kernel=debian:bookworm]', '--on', 'board:uniform'],
		...['--qemu', '/q', '--kernel', 'small', '--board-kernel', 'debian:bookworm', '--machine', 'virt'],
	]);
});
