import test from 'ava';
import { guestKernelOf, oneIn } from './guest-kernel.ts';

test("with the small kernel, a tenth of the cells boots Debian's, and each cell always the same", t => {
	const cells = Array.from({ length: 1000 }, (_, at) => `pmu/case-${at}[uniform,debian:trixie,virt]`);
	const debian = cells.filter(cell => guestKernelOf(cell, 'small') === 'debian:trixie');
	t.true(debian.length > 500 / oneIn && debian.length < 2000 / oneIn, String(debian.length));
	// A change here would make runs before and after it incomparable.
	t.deepEqual(
		debian.slice(0, 3).map(cell => cell.slice(0, 11)),
		['pmu/case-10', 'pmu/case-20', 'pmu/case-45'],
	);
});

test('any other kernel is that of every cell', t => {
	for (const kernel of ['debian:bookworm', '/boot/Image']) t.is(guestKernelOf('any', kernel), kernel);
});
