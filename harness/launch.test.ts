import test from 'ava';
import { shellLine } from '../test/testing/shell-line.ts';

test('a cache where no folder can be made does not keep vpmu from starting', async t => {
	t.timeout(300_000);
	// Node's own way of making the folder of compiled code hung there.
	const { status, stdout } = await shellLine(['--help'], '', { VPMU_CACHE: '/proc/none' });
	t.is(status, 0);
	t.regex(stdout, /^Usage: vpmu COMMAND/);
});
