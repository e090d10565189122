import test from 'ava';
import fc from 'fast-check';
import { HeadAndTail } from './bounds.ts';

test('head and tail are the first and last bytes of a stream, however it is split', t => {
	fc.assert(
		fc.property(
			fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 20 }),
			fc.nat({ max: 20 }),
			fc.nat({ max: 9 }),
			(pieces, headBytes, tailBytes) => {
				const bounded = new HeadAndTail({ headBytes, tailBytes });
				const all = Buffer.concat(pieces);
				const head = Buffer.concat(pieces.map(piece => Buffer.from(bounded.push(Buffer.from(piece)))));
				const { tail, omittedBytes } = bounded.end();
				t.true(head.equals(all.subarray(0, headBytes)));
				const rest = all.subarray(head.length);
				t.true(tail.equals(rest.subarray(Math.max(0, rest.length - tailBytes))));
				t.is(head.length + omittedBytes + tail.length, all.length);
				t.is(bounded.isFull, all.length > headBytes);
			},
		),
		{ numRuns: 1000 },
	);
});

test('lines are kept only as a whole', t => {
	const line = fc.nat({ max: 8 }).map(length => `${'x'.repeat(length)}\n`);
	fc.assert(
		fc.property(fc.array(line, { maxLength: 30 }), fc.nat({ max: 30 }), fc.nat({ max: 30 }), (lines, head, tail) => {
			const bounded = new HeadAndTail({ headBytes: head, tailBytes: tail, lines: true });
			const began = Buffer.concat(lines.map(one => Buffer.from(bounded.push(Buffer.from(one))))).toString();
			const ended = bounded.end();
			const last = ended.tail.toString();
			t.true(lines.join('').startsWith(began) && lines.join('').endsWith(last));
			t.true([began, last].every(text => text === '' || text.endsWith('\n')));
			t.is(began.length + ended.omittedBytes + last.length, lines.join('').length);
			// Each part consists of whole lines: it ends at a line boundary of the original text.
			t.true(
				lines
					.join('')
					.slice(0, began.length + ended.omittedBytes)
					.endsWith('\n') || began.length + ended.omittedBytes === 0,
			);
		}),
		{ numRuns: 1000 },
	);
});
