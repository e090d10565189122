import test from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { parseKernel, parseSource } from './select.ts';

test('a kernel that does not exist is refused with all that is allowed, small included', t => {
	t.throws(() => parseKernel('smal', '--kernel'), {
		instanceOf: UsageError,
		message: /^'smal' of option '--kernel' does not exist; allowed: a path, small, debug, or debian:SUITE \(/,
	});
	t.throws(() => parseSource('smal', '--qemu'), {
		instanceOf: UsageError,
		message: /allowed: a path, or debian:SUITE \(/,
	});
	t.is(parseKernel('small', '--kernel'), 'small');
	t.is(parseKernel('debug', '--board-kernel'), 'debug');
});
