import test from 'ava';
import fc from 'fast-check';
import { type Frame, JsonFramer } from './framing.ts';

const cut = (chunks: Iterable<Buffer | string>, framer = new JsonFramer()): Frame[] =>
	[...chunks].flatMap(chunk => framer.push(Buffer.from(chunk)));

const texts = (frames: readonly Frame[]) =>
	frames.map(({ text, broken }) => (broken === undefined ? text : { broken }));

test('messages are split by nesting depth: several in one chunk, across lines, without line ends', t => {
	t.deepEqual(texts(cut(['{"a": 1}\r\n{"b": {}}{"c": [{}]}\n{\n  "d": [\n    1\n  ]\n}\n'])), [
		'{"a": 1}',
		'{"b": {}}',
		'{"c": [{}]}',
		'{\n  "d": [\n    1\n  ]\n}',
	]);
});

test('braces, quotes and backslashes in strings do not count', t => {
	const message = '{"a": "}{\\"]\\\\", "b}": "\\\\\\"{"}';
	t.deepEqual(texts(cut([message])), [message]);
});

test('messages do not depend on how the bytes are split, even within a character', t => {
	const message = fc
		.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
		.chain(value => fc.constantFrom(JSON.stringify(value), JSON.stringify(value, undefined, 4)));
	fc.assert(
		fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(20), { minLength: 1 }), (messages, sizes) => {
			const bytes = Buffer.from(messages.map(text => `${text}\r\n`).join(''));
			const chunks: Buffer[] = [];
			for (let at = 0, turn = 0; at < bytes.length; turn++) {
				const size = 1 + sizes[turn % sizes.length]!;
				chunks.push(bytes.subarray(at, at + size));
				at += size;
			}
			t.deepEqual(texts(cut(chunks)), messages);
		}),
		{ numRuns: 200 },
	);
});

test('unreadable input is split the same way however it arrives', t => {
	const byte = fc.constantFrom(...Buffer.from('{}[]",:\\a1 \n\r\u0001'), 0xff, 0xc3);
	// Bytes between messages are reported at the end of a chunk at the latest.
	const within = (frames: readonly Frame[]) => frames.filter(({ broken }) => broken !== 'bytes between messages');
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 60 }), fc.array(byte, { maxLength: 60 }), (noise, structure) => {
			const bytes = Buffer.from([...structure, ...noise, ...structure]);
			const whole = within(cut([bytes]));
			t.deepEqual(within(cut([...bytes].map(one => Buffer.of(one)))), whole);
		}),
		{ numRuns: 2000 },
	);
});

test('after damage the next message is found by grammar', t => {
	const good = '{"return": {}, "id": "x"}';
	for (const [damage, broken] of [
		['{"return": {}, "id: "x"}\r\n', 'a control character in a string'],
		['{"return": {}x, "id": "x"\r\n', 'a value directly after another'],
		['{"return": [, "id": "x"}\r\n', 'a value directly after another'],
		['"return": 1\r\n', 'bytes between messages'],
		['{"return": \u0001', 'a stray byte outside of strings'],
	]) {
		const frames = cut([`${damage}${good}\r\n`]);
		t.deepEqual(texts(frames.slice(-1)), [good], damage);
		t.is(frames[0]?.broken, broken, damage);
	}
});

test('invalid UTF-8 is reported, not replaced', t => {
	const [frame] = cut([Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]);
	t.is(frame?.broken, 'not UTF-8');
});

test('limits on length and depth end a message, not the stream', t => {
	const framer = new JsonFramer({ maxBytes: 100, maxDepth: 3 });
	t.regex(cut([`{"a": "${'x'.repeat(200)}`], framer)[0]?.broken ?? '', /longer than 100 bytes/);
	t.regex(cut(['\r\n{"a":[[[1]]]}\n'], framer)[0]?.broken ?? '', /nested deeper than 3/);
	t.deepEqual(texts(cut(['\n{"b":1}'], framer)).slice(-1), ['{"b":1}']);
});

test('a message truncated by the end of the stream is reported as broken', t => {
	const framer = new JsonFramer();
	t.false(framer.partial);
	cut(['{"a": '], framer);
	t.true(framer.partial);
	t.is(framer.end()?.broken, 'cut off by the end of the stream');
	t.is(new JsonFramer().end(), undefined);
});

test('64 MiB in one message', t => {
	const framer = new JsonFramer();
	const chunk = Buffer.alloc(1 << 20, 'x');
	const frames = [...framer.push(Buffer.from('{"return":"'))];
	for (let index = 0; index < 64; index++) frames.push(...framer.push(chunk));
	frames.push(...framer.push(Buffer.from('","id":"a"}\r\n')));
	t.is(frames.length, 1);
	t.is(frames[0]?.text.length, 64 * (1 << 20) + 22);
});
