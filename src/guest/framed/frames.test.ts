import test from 'ava';
import fc from 'fast-check';
import { decodeFrame, encodeFrame, FrameDemultiplexer } from './frames.ts';
import { halfSipHash } from './hash.ts';
import { nearest } from './link.ts';
import { encodeMessage, type Message, MessageReader } from './messages.ts';

const key = Buffer.from('0102030405060708', 'hex');

test("HalfSipHash matches its authors' test vectors", t => {
	// vectors_hsip64 of the reference implementation: key 00..07, message 00..(n-1).
	const vectors =
		'218d1f59b9b83cc8 be552412f8387315 064f39ef7c50eb57 ce0f1a45f7060679 d5e78a175be52ea1 cb9d7c3f2f3db580'.split(' ');
	for (const [length, expected] of vectors.entries()) {
		const tag = Buffer.alloc(8);
		halfSipHash(Buffer.from('0001020304050607', 'hex'), Buffer.from(Array.from({ length }, (_, i) => i)), tag);
		t.is(tag.toString('hex'), expected);
	}
});

function collect() {
	const frames: string[] = [];
	const demultiplexer = new FrameDemultiplexer(line => {
		const body = decodeFrame('G', line, key);
		if (body === undefined) return false;
		frames.push(body.toString('hex'));
		return true;
	});
	return { frames, demultiplexer };
}

const body = fc.uint8Array({ minLength: 9, maxLength: 200 });

test('frames are found however the bytes are split, and leave no trace in the text', t => {
	fc.assert(
		fc.property(fc.array(body, { maxLength: 5 }), fc.array(fc.nat(400), { maxLength: 20 }), (bodies, cuts) => {
			const { frames, demultiplexer } = collect();
			const all = Buffer.from(bodies.map(one => `text\n${encodeFrame('G', one, key)}`).join(''));
			const at = [0, ...cuts.map(cut => cut % (all.length + 1)).sort((a, b) => a - b), all.length];
			const text = at.slice(1).map((end, i) => demultiplexer.push(all.subarray(at[i], end)).toString('latin1'));
			t.deepEqual(
				frames,
				bodies.map(one => Buffer.from(one).toString('hex')),
			);
			t.is(text.join(''), 'text\n'.repeat(bodies.length));
		}),
	);
});

test('a kernel message in the middle of a frame loses neither', t => {
	fc.assert(
		fc.property(body, fc.double({ min: 0, max: 1, noNaN: true }), (one, where) => {
			const { frames, demultiplexer } = collect();
			const frame = encodeFrame('G', one, key);
			const cut = 9 + Math.floor(where * (frame.length - 10));
			const text = demultiplexer.push(
				Buffer.from(`${frame.slice(0, cut)}[    1.5] usb 1-1: new\r\n[    1.6] device\r\n${frame.slice(cut)}`),
			);
			t.deepEqual(frames, [Buffer.from(one).toString('hex')]);
			t.is(text.toString(), '[    1.5] usb 1-1: new\n[    1.6] device\n');
		}),
	);
});

test('a frame of another key or sender is never accepted', t => {
	const other = Buffer.from('0102030405060709', 'hex');
	fc.assert(
		fc.property(body, fc.nat(), (one, position) => {
			const { frames, demultiplexer } = collect();
			const frame = encodeFrame('G', one, key);
			const at = 1 + (position % (frame.length - 3));
			const spoilt = `${frame.slice(0, at)}${frame[at] === 'A' ? 'B' : 'A'}${frame.slice(at + 1)}`;
			const shorter = frame.slice(0, at) + frame.slice(at + 1);
			demultiplexer.push(
				Buffer.from(
					encodeFrame('H', one, key) + encodeFrame('G', one, other) + encodeFrame('G', one) + spoilt + shorter,
				),
			);
			t.deepEqual(frames, []);
		}),
	);
});

test('text that contains tildes arrives without delay', t => {
	const { demultiplexer } = collect();
	t.is(demultiplexer.push(Buffer.from('root@guest:~# ')).toString(), 'root@guest:~# ');
	t.is(demultiplexer.push(Buffer.from('ls ~/x\n')).toString(), 'ls ~/x\n');
	t.is(demultiplexer.push(Buffer.from('~')).toString(), '');
	t.is(demultiplexer.push(Buffer.from(' $ ')).toString(), '~ $ ');
});

test('messages are reassembled however the stream is split, and offsets resynchronise', t => {
	fc.assert(
		fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), fc.integer({ min: 1, max: 20 }), (bodies, step) => {
			const seen: Message[] = [];
			const reader = new MessageReader(message => seen.push(message));
			const all = Buffer.concat(bodies.map((one, channel) => encodeMessage('O', channel, one)));
			for (let at = 0; at < all.length; at += step) reader.push(all.subarray(at, at + step));
			t.deepEqual(
				seen.map(message => [message.channel, [...message.body]]),
				bodies.map((one, i) => [i, [...one]]),
			);
		}),
	);
	fc.assert(
		fc.property(fc.maxSafeNat(), fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }), (reference, difference) => {
			fc.pre(reference + difference >= 0 && reference < 2 ** 52);
			t.is(nearest((reference + difference) % 2 ** 16, reference), reference + difference);
		}),
	);
});
