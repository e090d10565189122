/** The ELF header and the dynamic section of a program or library (System V gABI, chapters 4 and 5). */
export interface Elf {
	readonly bits: 32 | 64;
	readonly endian: 'little' | 'big';
	/** As in `e_machine`; `machine` is the kernel's name for it, or `e_machine N`. */
	readonly machineNumber: number;
	readonly machine: string;
	/** `e_type`: 2 executable at a fixed address, 3 shared object or position-independent executable, 1 relocatable. */
	readonly type: number;
	/** PT_INTERP: the program loader; absent in a library and in a static program. */
	readonly interpreter: string | null;
	/** DT_SONAME. */
	readonly soname: string | null;
	/** DT_NEEDED, in order. */
	readonly needed: readonly string[];
	/** DT_RPATH and DT_RUNPATH, split at colons. */
	readonly rpath: readonly string[];
	readonly runpath: readonly string[];
}

const machines: Readonly<Record<number, string>> = {
	3: 'i386',
	8: 'mips',
	20: 'ppc',
	21: 'ppc64',
	22: 's390x',
	40: 'arm',
	62: 'x86_64',
	183: 'aarch64',
	243: 'riscv',
	258: 'loongarch',
};

/** Debian's architecture for an ELF machine, if vpmu supports it. */
export const elfMachineOf = { amd64: 'x86_64', arm64: 'aarch64' } as const;

/** Whether bytes begin with the ELF magic. */
export function isElf(bytes: Uint8Array): boolean {
	return bytes.length >= 16 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** One entry of a program header table. */
interface Segment {
	readonly type: number;
	readonly offset: number;
	readonly address: number;
	readonly fileSize: number;
}

/** Limits far above any real program; the file is not trusted. */
const most = { nameBytes: 4096, entries: 10_000 } as const;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/**
 * Parses an ELF file, 32 or 64 bit, of either byte order.
 * @throws RangeError when the file is truncated or its tables point outside of it; Error when it is not an ELF file
 */
export function parseElf(file: Uint8Array): Elf {
	if (!isElf(file)) throw new Error('not an ELF file');
	const bits = file[4] === 2 ? 64 : 32;
	const little = file[5] !== 2;
	const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
	const u16 = (at: number) => view.getUint16(at, little);
	const u32 = (at: number) => view.getUint32(at, little);
	const word = (at: number) => (bits === 64 ? toNumber(view.getBigUint64(at, little)) : u32(at));
	const machineNumber = u16(18);

	const tableOffset = word(bits === 64 ? 32 : 28);
	const entrySize = u16(bits === 64 ? 54 : 42);
	const entryCount = u16(bits === 64 ? 56 : 44);
	const segments: Segment[] = [];
	for (let index = 0; index < entryCount; index++) {
		const at = tableOffset + index * entrySize;
		segments.push(
			bits === 64
				? { type: u32(at), offset: word(at + 8), address: word(at + 16), fileSize: word(at + 32) }
				: { type: u32(at), offset: word(at + 4), address: word(at + 8), fileSize: word(at + 16) },
		);
	}

	const text = (from: number) => {
		const bytes = file.subarray(from, from + most.nameBytes);
		const end = bytes.indexOf(0);
		if (end === -1) throw new RangeError(`string outside of the file, or of more than ${most.nameBytes} bytes`);
		return new TextDecoder().decode(bytes.subarray(0, end));
	};
	const interpreterSegment = segments.find(segment => segment.type === PT_INTERP);
	const dynamic = segments.find(segment => segment.type === PT_DYNAMIC);
	const entries: { tag: number; value: number }[] = [];
	if (dynamic !== undefined) {
		const width = bits / 8;
		for (let at = dynamic.offset; at < dynamic.offset + dynamic.fileSize; at += 2 * width) {
			const tag = word(at);
			if (tag === 0) break;
			if (entries.length === most.entries)
				throw new RangeError(`a dynamic section of more than ${most.entries} entries`);
			entries.push({ tag, value: word(at + width) });
		}
	}
	const stringsAddress = entries.find(entry => entry.tag === DT_STRTAB)?.value;
	const strings = (tag: number): string[] => {
		const values = entries.filter(entry => entry.tag === tag);
		if (values.length === 0) return [];
		const base = stringsAddress === undefined ? undefined : fileOffset(segments, stringsAddress);
		if (base === undefined) throw new RangeError('dynamic string table outside of the file');
		return values.map(entry => text(base + entry.value));
	};
	return {
		bits,
		endian: little ? 'little' : 'big',
		machineNumber,
		machine: machines[machineNumber] ?? `e_machine ${machineNumber}`,
		type: u16(16),
		interpreter: interpreterSegment === undefined ? null : text(interpreterSegment.offset),
		soname: strings(DT_SONAME)[0] ?? null,
		needed: strings(DT_NEEDED),
		rpath: strings(DT_RPATH).flatMap(value => value.split(':')),
		runpath: strings(DT_RUNPATH).flatMap(value => value.split(':')),
	};
}

function fileOffset(segments: readonly Segment[], address: number): number | undefined {
	const segment = segments.find(
		({ type, address: start, fileSize }) => type === PT_LOAD && address >= start && address < start + fileSize,
	);
	return segment === undefined ? undefined : segment.offset + (address - segment.address);
}

/** Processor-specific or GNU tags exceed 2^53 only in a broken file. */
function toNumber(value: bigint): number {
	return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}
