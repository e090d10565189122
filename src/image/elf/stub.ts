/** A symbol that a stub library defines. */
export interface StubSymbol {
	readonly name: string;
	readonly version: string | null;
	/**
	 * `refuse`: a function that writes the library's message to stderr and ends the process; `zero`: a function that returns
	 * 0; a number: an object of so many bytes, all zero.
	 */
	readonly as: 'refuse' | 'zero' | number;
}

/** The exit status of a program that calls a function of a stub library: EX_UNAVAILABLE of sysexits.h. */
export const stubExitStatus = 69;

const segmentAlignment = 0x10000;
const headerBytes = 64;
const programHeaderBytes = 56;
const symbolBytes = 24;

/**
 * Writes an arm64 shared library that replaces a large library that a program is linked against but does not call. It
 * has the requested soname, versions and symbols, so that the program starts unchanged. A program that calls it gets an error message.
 *
 * The file has program headers only, which is all that ld.so(8) reads (gABI chapters 4 and 5, LSB "Symbol Versioning").
 */
export function writeStubLibrary(soname: string, symbols: readonly StubSymbol[], message: string): Buffer {
	const strings = new StringTable();
	const versions = [...new Set(symbols.map(symbol => symbol.version).filter(version => version !== null))].sort();
	const sorted = symbols.toSorted((a, b) => compare(a.name, b.name) || compare(a.version ?? '', b.version ?? ''));
	const sonameAt = strings.add(soname);
	const namesAt = sorted.map(symbol => strings.add(symbol.name));
	const versionsAt = versions.map(version => strings.add(version));

	// Layout: the read-only and executable part, then the writable part on a separate page.
	const layout = new Layout(headerBytes + 4 * programHeaderBytes);
	const hash = hashTable(sorted.map(symbol => symbol.name));
	const hashAt = layout.place(hash.length);
	const symbolsAt = layout.place((sorted.length + 1) * symbolBytes);
	const stringsAt = layout.place(strings.size);
	const versionTableAt = layout.place((sorted.length + 1) * 2);
	const versionDefinitions = defineVersions(soname, sonameAt, versions, versionsAt);
	const definitionsAt = layout.place(versionDefinitions.length);
	const code = refusingCode(Buffer.from(message));
	const codeAt = layout.place(code.bytes.length);
	const readEnd = layout.end;
	const dynamicOffset = layout.place(0);
	const dynamicAt = dynamicOffset + segmentAlignment;

	const dynamic: [tag: number, value: number][] = [
		[14, sonameAt], // DT_SONAME
		[4, hashAt], // DT_HASH
		[5, stringsAt], // DT_STRTAB
		[6, symbolsAt], // DT_SYMTAB
		[10, strings.size], // DT_STRSZ
		[11, symbolBytes], // DT_SYMENT
		[0x6ffffff0, versionTableAt], // DT_VERSYM
		[0x6ffffffc, definitionsAt], // DT_VERDEF
		[0x6ffffffd, versions.length + 1], // DT_VERDEFNUM
		[0, 0],
	];
	const fileEnd = dynamicOffset + dynamic.length * 16;
	let objectAt = dynamicAt + dynamic.length * 16;
	const objects = sorted.map(symbol => {
		if (typeof symbol.as !== 'number') return 0;
		objectAt = Math.ceil(objectAt / 16) * 16;
		const at = objectAt;
		objectAt += Math.max(symbol.as, 8);
		return at;
	});

	const file = Buffer.alloc(fileEnd);
	file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0], 0);
	file.writeUInt16LE(3, 16); // ET_DYN
	file.writeUInt16LE(183, 18); // EM_AARCH64
	file.writeUInt32LE(1, 20);
	file.writeBigUInt64LE(BigInt(headerBytes), 32);
	file.writeUInt16LE(headerBytes, 52);
	file.writeUInt16LE(programHeaderBytes, 54);
	file.writeUInt16LE(4, 56);
	file.writeUInt16LE(64, 58); // size of a section header; there are none
	const headers: [
		type: number,
		flags: number,
		offset: number,
		address: number,
		size: number,
		memory: number,
		align: number,
	][] = [
		[1, 5, 0, 0, readEnd, readEnd, segmentAlignment],
		[1, 6, dynamicOffset, dynamicAt, fileEnd - dynamicOffset, objectAt - dynamicAt, segmentAlignment],
		[2, 6, dynamicOffset, dynamicAt, dynamic.length * 16, dynamic.length * 16, 8],
		// PT_GNU_STACK: without it the loader would make the stack executable.
		[0x6474e551, 6, 0, 0, 0, 0, 16],
	];
	for (const [index, [type, flags, offset, address, size, memory, align]] of headers.entries()) {
		const at = headerBytes + index * programHeaderBytes;
		file.writeUInt32LE(type, at);
		file.writeUInt32LE(flags, at + 4);
		for (const [slot, value] of [offset, address, address, size, memory, align].entries()) {
			file.writeBigUInt64LE(BigInt(value), at + 8 + slot * 8);
		}
	}
	file.set(hash, hashAt);
	file.set(strings.bytes(), stringsAt);
	file.set(versionDefinitions, definitionsAt);
	file.set(code.bytes, codeAt);
	for (const [index, symbol] of sorted.entries()) {
		const at = symbolsAt + (index + 1) * symbolBytes;
		const object = typeof symbol.as === 'number';
		const address = object ? objects[index]! : codeAt + (symbol.as === 'zero' ? code.zeroAt : code.refuseAt);
		file.writeUInt32LE(namesAt[index]!, at);
		file[at + 4] = (1 << 4) | (object ? 1 : 2); // STB_GLOBAL, STT_OBJECT or STT_FUNC
		file.writeUInt16LE(1, at + 6); // any section: defined
		file.writeBigUInt64LE(BigInt(address), at + 8);
		file.writeBigUInt64LE(BigInt(object ? Math.max(symbol.as as number, 8) : 8), at + 16);
		const version = symbol.version === null ? 1 : versions.indexOf(symbol.version) + 2;
		file.writeUInt16LE(version, versionTableAt + (index + 1) * 2);
	}
	for (const [index, [tag, value]] of dynamic.entries()) {
		file.writeBigUInt64LE(BigInt(tag), dynamicOffset + index * 16);
		file.writeBigUInt64LE(BigInt(value), dynamicOffset + index * 16 + 8);
	}
	return file;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Hands out offsets, each a multiple of 16. */
class Layout {
	end: number;
	constructor(start: number) {
		this.end = start;
	}
	place(size: number): number {
		const at = Math.ceil(this.end / 16) * 16;
		this.end = at + size;
		return at;
	}
}

class StringTable {
	readonly #parts: Buffer[] = [Buffer.from('\0')];
	readonly #known = new Map<string, number>();
	size = 1;
	add(text: string): number {
		const known = this.#known.get(text);
		if (known !== undefined) return known;
		const at = this.size;
		const bytes = Buffer.from(`${text}\0`, 'latin1');
		this.#parts.push(bytes);
		this.#known.set(text, at);
		this.size += bytes.length;
		return at;
	}
	bytes(): Buffer {
		return Buffer.concat(this.#parts);
	}
}

/** Computes the hash function of the gABI ("Hash Table"). */
export function elfHash(name: string): number {
	let hash = 0;
	for (const byte of Buffer.from(name, 'latin1')) {
		hash = ((hash << 4) + byte) >>> 0;
		const high = hash & 0xf0000000;
		hash = (hash ^ (high >>> 24)) & ~high;
	}
	return hash >>> 0;
}

/** Builds a DT_HASH table for symbols that are numbered from 1. */
function hashTable(names: readonly string[]): Buffer {
	const buckets = Math.max(1, Math.floor(names.length / 2));
	const table = Buffer.alloc((2 + buckets + names.length + 1) * 4);
	table.writeUInt32LE(buckets, 0);
	table.writeUInt32LE(names.length + 1, 4);
	const chain = 8 + buckets * 4;
	for (const [index, name] of names.entries()) {
		const bucket = 8 + (elfHash(name) % buckets) * 4;
		table.writeUInt32LE(table.readUInt32LE(bucket), chain + (index + 1) * 4);
		table.writeUInt32LE(index + 1, bucket);
	}
	return table;
}

/** Builds the DT_VERDEF table: the library itself, then each version. */
function defineVersions(
	soname: string,
	sonameAt: number,
	versions: readonly string[],
	versionsAt: readonly number[],
): Buffer {
	const all = [
		{ name: soname, at: sonameAt, flags: 1 },
		...versions.map((name, index) => ({ name, at: versionsAt[index]!, flags: 0 })),
	];
	const table = Buffer.alloc(all.length * 28);
	for (const [index, item] of all.entries()) {
		const at = index * 28;
		table.writeUInt16LE(1, at);
		table.writeUInt16LE(item.flags, at + 2);
		table.writeUInt16LE(index + 1, at + 4);
		table.writeUInt16LE(1, at + 6);
		table.writeUInt32LE(elfHash(item.name), at + 8);
		table.writeUInt32LE(20, at + 12);
		table.writeUInt32LE(index === all.length - 1 ? 0 : 28, at + 16);
		table.writeUInt32LE(item.at, at + 20);
	}
	return table;
}

/** Assembles the A64 code of the two kinds of function, followed by the message. */
function refusingCode(message: Buffer): { bytes: Buffer; refuseAt: number; zeroAt: number } {
	const moveWide = (register: number, value: number) => (0xd2800000 | (value << 5) | register) >>> 0;
	const supervisorCall = 0xd4000001;
	const refuse = [
		0, // adr x1, message: below, when its place is known
		moveWide(0, 2), // stderr
		moveWide(2, message.length),
		moveWide(8, 64), // write
		supervisorCall,
		moveWide(0, stubExitStatus),
		moveWide(8, 94), // exit_group
		supervisorCall,
	];
	const zero = [moveWide(0, 0), 0xd65f03c0]; // ret
	const messageAt = (refuse.length + zero.length) * 4;
	refuse[0] = (0x10000000 | ((messageAt >> 2) << 5) | ((messageAt & 3) << 29) | 1) >>> 0;
	const words = Buffer.alloc(messageAt);
	for (const [index, instruction] of [...refuse, ...zero].entries()) words.writeUInt32LE(instruction, index * 4);
	return { bytes: Buffer.concat([words, message]), refuseAt: 0, zeroAt: refuse.length * 4 };
}
