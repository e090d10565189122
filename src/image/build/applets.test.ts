import test from 'ava';
import { busyboxApplets } from './applets.ts';

test('applets are read from the table, and nothing after it', t => {
	const table = Buffer.from('\x00\x01 [\0[[\0acpid\0ar\0sh\0zcat\0\0more text\0abc\0', 'latin1');
	t.deepEqual(busyboxApplets(table), ['[', '[[', 'acpid', 'ar', 'sh', 'zcat']);
	t.deepEqual(busyboxApplets(Buffer.from('no table')), []);
});
