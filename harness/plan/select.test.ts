import test from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { parseKernel, parseOn, parseSource } from './select.ts';

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

test('a place that ssh would take for an option, or that cannot be a host, is refused', t => {
	for (const place of ['ssh://-oProxyCommand=x', 'ssh://', 'ssh://a;b', 'ssh://a/b', 'ssh://a b']) {
		t.throws(() => parseOn(place), {
			instanceOf: UsageError,
			message: /^unknown place '.*' of option '--on'; allowed: /,
		});
	}
	for (const place of ['ssh://lab', 'ssh://me@lab.example.org:2222', 'ssh://[::1]'])
		t.is(parseOn(place), place as never);
});
