/** One entry of a dynamic symbol table. */
export interface DynamicSymbol {
	readonly name: string;
	/** The version that it is defined with or requested with; `null` for none. */
	readonly version: string | null;
	readonly defined: boolean;
	readonly weak: boolean;
	readonly kind: 'function' | 'object' | 'other';
	readonly sizeBytes: number;
}

const SHT_DYNSYM = 11;
const SHT_GNU_VERDEF = 0x6ffffffd;
const SHT_GNU_VERNEED = 0x6ffffffe;
const SHT_GNU_VERSYM = 0x6fffffff;
const STT_OBJECT = 1;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STB_LOCAL = 0;
const STB_WEAK = 2;

/** Mangled C++ names have hundreds of characters. */
const longestName = 65_536;

/**
 * Reads the dynamic symbols of a 64-bit little-endian ELF file with their versions (gABI chapter 4; the Linux Standard Base,
 * "Symbol Versioning"). @throws RangeError when the file is broken
 */
export function dynamicSymbols(file: Uint8Array): DynamicSymbol[] {
	const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
	const word = (at: number) => Number(bytes.readBigUInt64LE(at));
	const tableOffset = word(40);
	const entrySize = bytes.readUInt16LE(58);
	const sections = Array.from({ length: bytes.readUInt16LE(60) }, (_, index) => {
		const at = tableOffset + index * entrySize;
		return {
			type: bytes.readUInt32LE(at + 4),
			offset: word(at + 24),
			size: word(at + 32),
			link: bytes.readUInt32LE(at + 40),
			count: bytes.readUInt32LE(at + 44),
		};
	});
	const symbols = sections.find(section => section.type === SHT_DYNSYM);
	if (symbols === undefined) return [];
	const text = (from: number) => {
		const end = bytes.subarray(from, from + longestName).indexOf(0);
		if (end === -1) throw new RangeError(`the name of a symbol does not end after ${longestName} bytes`);
		return bytes.toString('latin1', from, from + end);
	};
	const names = sections[symbols.link]!.offset;
	const versions = versionNames(bytes, sections, text);
	const versionTable = sections.find(section => section.type === SHT_GNU_VERSYM);
	const found: DynamicSymbol[] = [];
	for (let index = 1; index < symbols.size / 24; index++) {
		const at = symbols.offset + index * 24;
		const info = bytes[at + 4]!;
		if (info >> 4 === STB_LOCAL) continue;
		const type = info & 15;
		const versionIndex = versionTable === undefined ? 1 : bytes.readUInt16LE(versionTable.offset + index * 2) & 0x7fff;
		found.push({
			name: text(names + bytes.readUInt32LE(at)),
			version: versions.get(versionIndex) ?? null,
			defined: bytes.readUInt16LE(at + 6) !== 0,
			weak: info >> 4 === STB_WEAK,
			kind: type === STT_FUNC || type === STT_GNU_IFUNC ? 'function' : type === STT_OBJECT ? 'object' : 'other',
			sizeBytes: word(at + 16),
		});
	}
	return found;
}

interface Section {
	readonly type: number;
	readonly offset: number;
	readonly link: number;
	readonly count: number;
}

function versionNames(bytes: Buffer, sections: readonly Section[], text: (from: number) => string) {
	const names = new Map<number, string>();
	for (const section of sections) {
		const strings = () => sections[section.link]!.offset;
		let at = section.offset;
		if (section.type === SHT_GNU_VERDEF) {
			for (let index = 0; index < section.count; index++) {
				const base = (bytes.readUInt16LE(at + 2) & 1) !== 0;
				const name = text(strings() + bytes.readUInt32LE(at + bytes.readUInt32LE(at + 12)));
				if (!base) names.set(bytes.readUInt16LE(at + 4), name);
				at += bytes.readUInt32LE(at + 16);
			}
		} else if (section.type === SHT_GNU_VERNEED) {
			for (let index = 0; index < section.count; index++) {
				let entry = at + bytes.readUInt32LE(at + 8);
				for (let needed = 0; needed < bytes.readUInt16LE(at + 2); needed++) {
					names.set(bytes.readUInt16LE(entry + 6) & 0x7fff, text(strings() + bytes.readUInt32LE(entry + 8)));
					entry += bytes.readUInt32LE(entry + 12);
				}
				at += bytes.readUInt32LE(at + 12);
			}
		}
	}
	return names;
}
