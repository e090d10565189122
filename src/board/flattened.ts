/** A node of a device tree. Property values are raw bytes; the bindings define their meaning. */
export interface DeviceNode {
	readonly name: string;
	readonly properties: Map<string, Buffer>;
	readonly children: DeviceNode[];
}

/** A parsed device tree blob (Devicetree Specification v0.4, chapter 5). */
export interface DeviceTree {
	readonly root: DeviceNode;
	/** Reserved memory: address and size, in bytes. */
	readonly reservations: readonly (readonly [address: bigint, size: bigint])[];
	readonly bootCpu: number;
}

const magic = 0xd00dfeed;
const token = { beginNode: 1, endNode: 2, property: 3, nothing: 4, end: 9 } as const;
const headerBytes = 40;

/** Limits far above any guest's device tree: QEMU's `virt` has about 100 nodes, at most 4 levels deep. */
const most = { nodes: 20_000, depth: 64, nameBytes: 255 } as const;

/** Parses a device tree blob. @throws RangeError for invalid bytes, saying what is wrong */
export function readDeviceTree(blob: Buffer): DeviceTree {
	if (blob.length < headerBytes || blob.readUInt32BE(0) !== magic) throw new RangeError('not a device tree: no magic');
	const field = (index: number) => blob.readUInt32BE(index * 4);
	const [total, structAt, stringsAt, reservedAt, version, compatible] = [1, 2, 3, 4, 5, 6].map(field) as [
		number,
		number,
		number,
		number,
		number,
		number,
	];
	if (total > blob.length)
		throw new RangeError(`a device tree of ${total} bytes, of which only ${blob.length} are present`);
	if (version < 16 || compatible > 17) throw new RangeError(`a device tree of unsupported version ${version}`);

	const reservations: [bigint, bigint][] = [];
	for (let at = reservedAt; ; at += 16) {
		const entry = [blob.readBigUInt64BE(at), blob.readBigUInt64BE(at + 8)] as [bigint, bigint];
		if (entry[0] === 0n && entry[1] === 0n) break;
		reservations.push(entry);
	}

	let at = structAt;
	const word = () => {
		const value = blob.readUInt32BE(at);
		at += 4;
		return value;
	};
	const textAt = (from: number) => {
		// Search only up to the longest valid name, so that unterminated names cost no more than their number.
		const found = blob.subarray(from, from + most.nameBytes + 1).indexOf(0);
		const end = found === -1 ? -1 : from + found;
		if (end === -1) throw new RangeError(`a name in the device tree does not end after ${most.nameBytes} bytes`);
		return blob.toString('utf8', from, end);
	};
	const align = (value: number) => (value + 3) & ~3;

	const open: DeviceNode[] = [];
	let nodes = 0;
	let root: DeviceNode | undefined;
	for (;;) {
		const kind = word();
		if (kind === token.nothing) continue;
		if (kind === token.end) break;
		const parent = open.at(-1);
		if (kind === token.beginNode) {
			const name = textAt(at);
			at = align(at + Buffer.byteLength(name) + 1);
			if (++nodes > most.nodes) throw new RangeError(`a device tree with more than ${most.nodes} nodes`);
			if (open.length >= most.depth) throw new RangeError(`a device tree deeper than ${most.depth} nodes`);
			const node: DeviceNode = { name, properties: new Map(), children: [] };
			if (parent !== undefined) parent.children.push(node);
			else if (root === undefined) root = node;
			else throw new RangeError('a device tree with two roots');
			open.push(node);
		} else if (kind === token.endNode) {
			if (open.pop() === undefined) throw new RangeError('a node in the device tree ends without a beginning');
		} else if (kind === token.property) {
			const size = word();
			const name = textAt(stringsAt + word());
			if (parent === undefined) throw new RangeError(`property '${name}' outside of any node`);
			if (at + size > blob.length) throw new RangeError(`property '${name}' extends beyond the device tree`);
			parent.properties.set(name, Buffer.from(blob.subarray(at, at + size)));
			at = align(at + size);
		} else throw new RangeError(`unknown token ${kind} in a device tree`);
	}
	if (root === undefined || open.length > 0) throw new RangeError('the device tree ends within a node');
	return { root, reservations, bootCpu: field(7) };
}

/** Writes a device tree blob of version 17. */
export function writeDeviceTree(tree: DeviceTree): Buffer {
	const strings: Buffer[] = [];
	const offsets = new Map<string, number>();
	let stringsSize = 0;
	const offsetOf = (name: string) => {
		let offset = offsets.get(name);
		if (offset === undefined) {
			offset = stringsSize;
			offsets.set(name, offset);
			const bytes = Buffer.from(`${name}\0`);
			strings.push(bytes);
			stringsSize += bytes.length;
		}
		return offset;
	};
	const parts: Buffer[] = [];
	const addNode = (node: DeviceNode) => {
		parts.push(words(token.beginNode), padded(Buffer.from(`${node.name}\0`)));
		for (const [name, value] of node.properties) {
			parts.push(words(token.property, value.length, offsetOf(name)), padded(value));
		}
		for (const child of node.children) addNode(child);
		parts.push(words(token.endNode));
	};
	addNode(tree.root);
	parts.push(words(token.end));

	const reserved = Buffer.alloc(16 * (tree.reservations.length + 1));
	tree.reservations.forEach(([address, size], index) => {
		reserved.writeBigUInt64BE(address, index * 16);
		reserved.writeBigUInt64BE(size, index * 16 + 8);
	});
	const struct = Buffer.concat(parts);
	const structAt = headerBytes + reserved.length;
	const stringsAt = structAt + struct.length;
	const total = stringsAt + stringsSize;
	const header = words(
		...[magic, total, structAt, stringsAt, headerBytes, 17, 16],
		...[tree.bootCpu, stringsSize, struct.length],
	);
	return Buffer.concat([header, reserved, struct, ...strings]);
}

/** Encodes 32-bit numbers as device trees store them: big-endian. */
export function words(...values: readonly number[]): Buffer {
	const bytes = Buffer.alloc(values.length * 4);
	values.forEach((value, index) => {
		bytes.writeUInt32BE(value >>> 0, index * 4);
	});
	return bytes;
}

/** Decodes the 32-bit numbers of a property. @throws RangeError if its size is not a multiple of 4 */
export function readWords(value: Buffer): number[] {
	if (value.length % 4 !== 0) throw new RangeError(`a property of ${value.length} bytes is not a list of 32-bit cells`);
	return Array.from({ length: value.length / 4 }, (_, index) => value.readUInt32BE(index * 4));
}

function padded(bytes: Buffer): Buffer {
	return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
