import { readDeviceTree, words } from '../../../src/board/flattened.ts';
import { parseElf } from '../../../src/image/elf/elf.ts';
import { kernelRelease, recogniseKernel } from '../../../src/image/kernel/format.ts';
import { readProgramHeader } from '../../../src/qemu/process/diagnose.ts';
import { filled } from '../linear.ts';
import { bytesOf, type Reader } from './text.ts';

const deviceTree = (struct: Buffer, strings: Buffer) => {
	const head = words(0xd00dfeed, 56 + struct.length + strings.length, 56, 56 + struct.length, 40, 17, 16, 0, 0, 0);
	return Buffer.concat([head, Buffer.alloc(16), struct, strings]).toString('latin1');
};

const elf = (entry: (at: number) => readonly [bigint, bigint], size: number) => {
	const file = Buffer.alloc(Math.max(size, 256));
	file.write('\x7fELF\x02\x01\x01', 'latin1');
	file.writeUInt16LE(183, 18);
	file.writeBigUInt64LE(64n, 32);
	file.writeUInt16LE(56, 54);
	file.writeUInt16LE(2, 56);
	const half = (file.length >> 1) & ~15;
	const segment = (at: number, type: number, offset: number, length: number) => {
		file.writeUInt32LE(type, at);
		file.writeBigUInt64LE(BigInt(offset), at + 8);
		file.writeBigUInt64LE(BigInt(offset), at + 16);
		file.writeBigUInt64LE(BigInt(length), at + 32);
	};
	segment(64, 2, 192, half - 192);
	segment(120, 1, half, file.length - half);
	for (let at = 192; at + 16 <= half; at += 16) {
		const [tag, value] = at === 192 ? [5n, BigInt(half)] : entry(at);
		file.writeBigUInt64LE(tag, at);
		file.writeBigUInt64LE(value, at + 8);
	}
	file.fill('a', half, file.length - 1);
	return file.toString('latin1');
};

/** Programs, kernels and device trees. */
export const filesReaders: Readonly<Record<string, Reader>> = {
	'head of a program': {
		read: text => readProgramHeader(bytesOf(text)),
		worst: {
			'a script': size => filled(size, ' ', '#!'),
			'many entries': size => elf(() => [0n, 0n], size),
		},
		pieces: ['#!', '\x7fELF', '\x02', '\x01', '\0', 'x'],
	},
	'a kernel': {
		read: text => {
			recogniseKernel(bytesOf(text));
			kernelRelease(bytesOf(text));
		},
		worst: { 'many versions': size => filled(size, 'Linux version ') },
		pieces: ['Linux version ', '6.1', ' (', 'MZ', '\0', '\x7fELF'],
	},
	'an ELF file': {
		read: text => parseElf(bytesOf(text)),
		worst: {
			'many libraries': size => elf(() => [1n, 0n], size),
			'many paths': size => elf(() => [29n, 1n], size),
			'other entries': size => elf(() => [77n, 1n], size),
		},
		pieces: ['\x7fELF\x02\x01\x01', '\0', '\x01', 'a'],
	},
	'device tree of a guest': {
		read: text => readDeviceTree(bytesOf(text)),
		worst: {
			'nodes in nodes': size => deviceTree(Buffer.alloc(size - 100, words(1, 0)), Buffer.alloc(1)),
			'one long name': size =>
				deviceTree(
					Buffer.concat([words(1, 0), Buffer.alloc(Math.floor(size / 24) * 12, words(3, 0, 0)), words(2, 9)]),
					Buffer.concat([Buffer.alloc(size >> 1, 'a'), Buffer.of(0)]),
				),
			nothing: size => deviceTree(Buffer.alloc(size - 100, words(4)), Buffer.alloc(1)),
		},
		pieces: ['\0\0\0\x01', '\0\0\0\0', '\0\0\0\x02', '\0\0\0\x03', 'aaaa', '\0\0\0\x04'],
	},
};
