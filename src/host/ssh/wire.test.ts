import test from 'ava';
import fc from 'fast-check';
import { encodeFields, type Field, FieldReader, PacketSplitter } from './wire.ts';

const field: fc.Arbitrary<Field> = fc.oneof(
	fc.nat(0xffffffff),
	fc.boolean(),
	fc.string({ unit: 'grapheme' }),
	fc.uint8Array(),
);

test('fields are read back in order', t => {
	fc.assert(
		fc.property(fc.array(field), fields => {
			const reader = new FieldReader(encodeFields(fields));
			for (const one of fields) {
				if (typeof one === 'number') t.is(reader.uint32(), one);
				else if (typeof one === 'boolean') t.is(reader.boolean(), one);
				else if (typeof one === 'string') t.is(reader.text(), one);
				else t.deepEqual(Buffer.from(reader.bytes()), Buffer.from(one));
			}
			t.throws(() => reader.boolean(), { instanceOf: RangeError });
		}),
	);
});

test('packets are complete however the stream is split', t => {
	fc.assert(
		fc.property(
			fc.array(fc.uint8Array({ maxLength: 50 })),
			fc.infiniteStream(fc.integer({ min: 1, max: 20 })),
			(sent, cuts) => {
				const stream = encodeFields(sent);
				const splitter = new PacketSplitter();
				const got: Buffer[] = [];
				for (let at = 0; at < stream.length; ) {
					const size = cuts.next().value as number;
					got.push(...splitter.push(stream.subarray(at, at + size)));
					at += size;
				}
				t.deepEqual(
					got.map(packet => [...packet]),
					sent.map(packet => [...packet]),
				);
			},
		),
	);
});

test('an impossible length is an error, not a wait for a gigabyte', t => {
	t.throws(() => new PacketSplitter().push(Buffer.from('7fffffff00', 'hex')), { instanceOf: RangeError });
});
