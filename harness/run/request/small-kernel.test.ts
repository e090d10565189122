import test from 'ava';
import type { CellResult } from '../../../src/run/index.ts';
import { smallKernelHint } from './small-kernel.ts';

const cellWith = (source: string, board: string | null, shellMs: number | null = 3000) =>
	({ kernels: { guest: { source, release: '6.12' }, board }, timings: { shellMs } }) as CellResult;
const many = (cell: CellResult) => ({ cells: Array.from({ length: 6 }, () => cell) });

test('the small kernel is offered where many cells booted Debian kernels on boards, and nowhere else', t => {
	t.regex(
		smallKernelHint(many(cellWith('debian:trixie', 'debian:trixie'))),
		/'--kernel small --board-kernel small'.* 40 %/,
	);
	for (const cell of [
		cellWith('debian:trixie', null),
		cellWith('debian:trixie', 'debian:trixie', null),
		cellWith('small', 'debian:trixie'),
		cellWith('debian:trixie', 'small'),
		cellWith('debian:trixie', '/boot/Image'),
	]) {
		t.is(smallKernelHint(many(cell)), '');
	}
	t.is(smallKernelHint({ cells: [cellWith('debian:trixie', 'debian:trixie')] }), '');
});
