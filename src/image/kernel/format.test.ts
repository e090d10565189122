import { gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { extractImage, kernelRelease, recogniseKernel } from './format.ts';

const image = Buffer.alloc(4096, 1);
image.write('MZ', 0, 'latin1');
image.write('ARM\x64', 0x38, 'latin1');
image.write('x Linux version %s (\0', 256, 'latin1');
image.write('Linux version 6.9.1-own (me@here) #1\0', 512, 'latin1');

/** Builds a self-decompressing EFI kernel like the kernel's own build. */
function zboot(method: string, payload: Buffer): Buffer {
	const head = Buffer.alloc(512);
	head.write('MZ\0\0zimg', 0, 'latin1');
	head.writeUInt32LE(512, 8);
	head.writeUInt32LE(payload.length, 12);
	head.write(`${method}\0`, 24, 'latin1');
	return Buffer.concat([head, payload, Buffer.from('trailing sections')]);
}
const sized = (stream: Buffer) => Buffer.concat([stream, Buffer.from([0, 0x10, 0, 0])]);

for (const [name, file] of Object.entries({
	Image: image,
	'Image.gz': gzipSync(image),
	'Image.zst': zstdCompressSync(image),
	'EFI zboot with gzip': zboot('gzip', gzipSync(image)),
	'EFI zboot with zstd': zboot('zstd22', sized(zstdCompressSync(image))),
})) {
	test(`${name} is reduced to the Image in it`, t => {
		const found = extractImage(file);
		t.deepEqual(Buffer.from(found as Uint8Array), image);
		t.is(kernelRelease(found as Uint8Array), '6.9.1-own');
	});
}

const x86 = Buffer.alloc(1024);
x86.write('HdrS', 0x202, 'latin1');
for (const [what, file] of Object.entries({
	'an empty file': Buffer.alloc(0),
	'a text file': Buffer.from('hello\n'),
	'an x86 kernel (bzImage)': x86,
	'a script': Buffer.from('#!/bin/sh\nexit\n'),
	'compressed with xz': Buffer.from('\xfd7zXZ\0abc', 'latin1'),
	'compressed with gzip, and what is inside is a text file': gzipSync('text'),
	'a truncated EFI kernel': zboot('gzip', gzipSync(image)).subarray(0, 530),
	'an EFI kernel compressed with lzo': zboot('lzo', Buffer.alloc(99)),
})) {
	test(`${what} is called that`, t => {
		t.deepEqual(extractImage(file), { problem: what });
	});
}

test('a damaged compressed kernel is reported as such', t => {
	const found = extractImage(gzipSync(image).subarray(0, 40));
	t.regex((found as { problem: string }).problem, /compressed with gzip, and cannot be unpacked/);
});

test('no bytes make it throw', t => {
	const heads = ['MZ\0\0zimg', 'MZ', '\x7fELF', '\x1f\x8b', '\x28\xb5\x2f\xfd', ''];
	fc.assert(
		fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 1000 }), (head, rest) => {
			const file = Buffer.concat([Buffer.from(head, 'latin1'), rest]);
			t.truthy(recogniseKernel(file));
			t.truthy(extractImage(file));
		}),
	);
});
