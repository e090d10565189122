import { PassThrough } from 'node:stream';
import test from 'ava';
import { VpmuError } from '../../src/lib/index.ts';
import { explain } from './explain.ts';
import { outputTo } from './output.ts';

test('an error that an error of disposal covers is explained as itself', t => {
	const written = new PassThrough();
	const cause = new VpmuError('the host is away', { blame: 'host' });
	const covered = new SuppressedError(new Error('could not tidy up'), cause);
	t.is(explain(covered, { stderr: outputTo(written), env: {} }), 69);
	t.is(String(written.read()), 'vpmu: the host is away\n');
});
