import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { isElf, parseElf } from '../elf/elf.ts';

/** The type of a file that was given as a kernel. */
export type KernelFormat =
	| { readonly kind: 'image' }
	| { readonly kind: 'gzip' | 'zstd'; readonly payload: Uint8Array }
	/** `what` is worded to follow "is": `an x86 kernel (bzImage)`. */
	| { readonly kind: 'other'; readonly what: string };

/**
 * Recognises a kernel by its bytes: the arm64 Image (Documentation/arch/arm64/booting.rst), that Image compressed, and
 * the self-decompressing EFI image around it (the header in drivers/firmware/efi/libstub/zboot-header.S).
 */
export function recogniseKernel(file: Uint8Array): KernelFormat {
	const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
	const at = (offset: number, text: string) => bytes.toString('latin1', offset, offset + text.length) === text;
	if (bytes.length === 0) return { kind: 'other', what: 'an empty file' };
	if (at(0x38, 'ARM\x64')) return { kind: 'image' };
	if (at(0, 'MZ') && at(4, 'zimg')) return efiZboot(bytes);
	if (at(0, '\x1f\x8b')) return { kind: 'gzip', payload: bytes };
	if (at(0, '\x28\xb5\x2f\xfd')) return { kind: 'zstd', payload: bytes };
	if (isElf(bytes)) return { kind: 'other', what: elfKind(bytes) };
	if (at(0x202, 'HdrS')) return { kind: 'other', what: 'an x86 kernel (bzImage)' };
	if (at(0x38, 'RISCV') || at(0x30, 'RISCV')) return { kind: 'other', what: 'a RISC-V kernel (Image)' };
	if (bytes.length > 0x28 && bytes.readUInt32LE(0x24) === 0x016f2818) {
		return { kind: 'other', what: 'a 32-bit Arm kernel (zImage)' };
	}
	if (at(0, '\x27\x05\x19\x56')) return { kind: 'other', what: 'a U-Boot image (uImage)' };
	if (at(0, '\xd0\x0d\xfe\xed')) return { kind: 'other', what: 'a device tree or FIT image' };
	if (at(0, '\xfd7zXZ\0')) return { kind: 'other', what: 'compressed with xz' };
	if (at(0, '\x02\x21\x4c\x18') || at(0, '\x04\x22\x4d\x18')) return { kind: 'other', what: 'compressed with lz4' };
	if (at(0, 'BZh')) return { kind: 'other', what: 'compressed with bzip2' };
	if (at(0, '0707')) return { kind: 'other', what: 'a cpio archive (an initramfs?)' };
	if (at(0, '!<arch>\ndebian')) return { kind: 'other', what: 'a Debian package' };
	if (at(0, '\x7fELF')) return { kind: 'other', what: 'a broken ELF file' };
	if (at(0, 'MZ')) return { kind: 'other', what: 'an EFI program that is not an arm64 kernel' };
	if (at(0, '#!')) return { kind: 'other', what: 'a script' };
	const printable = bytes.subarray(0, 512).every(byte => byte === 9 || byte === 10 || byte === 13 || byte >= 32);
	return { kind: 'other', what: printable ? 'a text file' : 'of no known format' };
}

function efiZboot(bytes: Buffer): KernelFormat {
	if (bytes.length < 64) return { kind: 'other', what: 'a truncated EFI kernel' };
	const offset = bytes.readUInt32LE(8);
	const size = bytes.readUInt32LE(12);
	const name = bytes.toString('latin1', 24, 56).split('\0')[0]!;
	const payload = bytes.subarray(offset, offset + size);
	if (payload.length !== size) return { kind: 'other', what: 'a truncated EFI kernel' };
	if (name.startsWith('gzip')) return { kind: 'gzip', payload };
	// All formats except gzip are followed by the unpacked size: 4 bytes outside of the stream.
	if (name.startsWith('zstd')) return { kind: 'zstd', payload: payload.subarray(0, -4) };
	return { kind: 'other', what: `an EFI kernel compressed with ${name || 'an unknown method'}` };
}

function elfKind(bytes: Uint8Array): string {
	try {
		const { machine, type } = parseElf(bytes);
		const program = type === 1 ? 'object file' : 'file';
		return machine === 'aarch64'
			? `an arm64 ELF ${program} (vmlinux?), not the Image made from it`
			: `an ELF ${program} for ${machine}`;
	} catch {
		return 'a broken ELF file';
	}
}

/** No arm64 kernel unpacks to more than this, so a larger one is not a kernel. */
const maximumImageBytes = 512 * 1024 * 1024;

/**
 * Extracts the arm64 Image from a kernel file of any form that {@link recogniseKernel} knows.
 * @returns the Image, or a description of what the file is instead
 */
export function extractImage(file: Uint8Array): Uint8Array | { readonly problem: string } {
	const format = recogniseKernel(file);
	if (format.kind === 'image') return file;
	if (format.kind === 'other') return { problem: format.what };
	let inner: Uint8Array;
	try {
		const options = { maxOutputLength: maximumImageBytes };
		inner = format.kind === 'gzip' ? gunzipSync(format.payload, options) : zstdDecompressSync(format.payload, options);
	} catch (error) {
		return { problem: `compressed with ${format.kind}, and cannot be unpacked (${(error as Error).message})` };
	}
	const inside = recogniseKernel(inner);
	if (inside.kind === 'image') return inner;
	return {
		problem: `compressed with ${format.kind}, and what is inside is ${inside.kind === 'other' ? inside.what : `compressed again (${inside.kind})`}`,
	};
}

/** The kernel's release as in its Image, in the form of `uname -r`; empty if the Image does not contain it. */
export function kernelRelease(image: Uint8Array): string {
	const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
	const marker = 'Linux version ';
	for (let at = bytes.indexOf(marker); at !== -1; at = bytes.indexOf(marker, at + 1)) {
		const release = /^(\d+\.\d+\S*) \(/.exec(
			bytes.toString('latin1', at + marker.length, at + marker.length + 200),
		)?.[1];
		if (release !== undefined) return release;
	}
	return '';
}
