import test from 'ava';
import { errorLines } from './failure.ts';

test('the first error of a build is an error, not a header that is named after one', t => {
	const missing = "make: *** No rule to make target '../a/b.mk'.  Stop.";
	t.is(errorLines(['  HDRINST usr/include/linux/can/error.h', 'make: Leaving', missing]).first, missing);
	const fatal = 'source/a.c:1:10: fatal error: b/error.h: No such file or directory';
	t.is(errorLines(['  HDRINST usr/include/linux/can/error.h', fatal]).first, fatal.replace('source/', ''));
});
