import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { firstLines } from './lines.ts';

test('a stream that breaks off after its lines were read harms nobody', async t => {
	const stream = new PassThrough();
	stream.write('first\nsecond\n');
	for await (const line of firstLines(stream)) {
		t.is(line, 'first');
		break;
	}
	const unread = new PassThrough();
	firstLines(unread);
	for (const broken of [stream, unread]) broken.destroy(new Error('the connection has ended'));
	await setImmediate();
	t.true(stream.destroyed && unread.destroyed);
});
