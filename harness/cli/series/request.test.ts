import test from 'ava';
import { nothingGiven } from '../command.ts';
import { seriesOptions } from './options.ts';
import { requestFor } from './request.ts';

const requested = (given: object, own: Parameters<typeof requestFor>[1] = {}) =>
	requestFor(
		{ argv: [], positionals: ['a.patch'], options: { ...nothingGiven(seriesOptions), on: 'board', ...given } },
		own,
	);

test("the kernel's own tests are added to named cases, and run anyway where none is named", t => {
	const cases = (given: object) => requested(given).selection.cases;
	t.deepEqual(cases({ case: ['pmu/a'], selftests: true }), ['pmu/a', 'kernel/selftests']);
	t.deepEqual(cases({ case: ['pmu/a'] }), ['pmu/a']);
	t.deepEqual(cases({ selftests: true }), []);
});

test("a side's own kernels, QEMU and folder take the place of those of the command line", t => {
	const image = process.execPath;
	t.like(requested({ kernel: 'small', 'board-kernel': 'debug', out: 'x', source: ['debian:trixie'] }), {
		...{ kernel: 'small', boardKernel: 'debug', out: undefined, json: false },
	});
	const own = { 'board-kernel': image, kernel: image, qemu: ['debian:sid'], out: 'x/after', all: true };
	t.like(requested({ kernel: 'small' }, own), {
		...{ kernel: image, boardKernel: image, out: 'x/after' },
		selection: { qemus: ['debian:sid'], all: true, kernels: undefined, boardKernels: undefined },
	});
});
