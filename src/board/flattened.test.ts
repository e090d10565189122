import test from 'ava';
import fc from 'fast-check';
import { type DeviceNode, readDeviceTree, readWords, words, writeDeviceTree } from './flattened.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9,._+-]{0,20}(@[0-9a-f]{1,8})?$/);
const value = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes));
const properties = fc.array(fc.tuple(fc.stringMatching(/^[a-z#][a-z0-9,-]{0,20}$/), value), { maxLength: 5 });

const { node } = fc.letrec<{ node: DeviceNode }>(tie => ({
	node: fc.record({
		name,
		properties: properties.map(entries => new Map(entries)),
		children: fc.oneof({ maxDepth: 4 }, fc.constant<DeviceNode[]>([]), fc.array(tie('node'), { maxLength: 3 })),
	}),
}));
const tree = fc.record({
	root: node.map(root => ({ ...root, name: '' })),
	reservations: fc.array(
		fc.tuple(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })),
		{
			maxLength: 3,
		},
	),
	bootCpu: fc.nat(),
});

test('what is written is read back unchanged', t => {
	fc.assert(
		fc.property(tree, original => {
			t.deepEqual(readDeviceTree(writeDeviceTree(original)), original);
		}),
	);
});

test('what was read is written unchanged', t => {
	fc.assert(
		fc.property(tree, original => {
			const once = writeDeviceTree(original);
			t.deepEqual(writeDeviceTree(readDeviceTree(once)), once);
		}),
	);
});

test('bytes that are not a device tree are refused, and never read past their end', t => {
	const good = writeDeviceTree({
		root: { name: '', properties: new Map([['a', words(1, 2)]]), children: [] },
		reservations: [],
		bootCpu: 0,
	});
	fc.assert(
		fc.property(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
			const bad = Buffer.from(good);
			bad[at] = byte;
			try {
				readDeviceTree(bad);
			} catch (error) {
				t.true(error instanceof RangeError, String(error));
			}
		}),
	);
	for (let length = 0; length < good.length; length++) {
		t.throws(() => readDeviceTree(good.subarray(0, length)), { instanceOf: RangeError });
	}
});

test('cells are 32-bit big-endian numbers', t => {
	t.deepEqual(words(1, 0xffffffff), Buffer.from('00000001ffffffff', 'hex'));
	t.deepEqual(readWords(words(7, 0x80000000)), [7, 0x80000000]);
	t.throws(() => readWords(Buffer.alloc(3)), { message: /3 bytes/ });
});
