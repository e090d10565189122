import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Writes a fake of QEMU's source: its configure and its ninja file are real ones, and what they build is a program of one line,
 * which returns `value`.
 */
export async function writeFakeSource(folder: string, value: string): Promise<void> {
	const files = {
		VERSION: '10.9.9\n',
		'pc-bios/meson.build': "fds = ['edk2-aarch64-code.fd']\n",
		'target/arm/kvm.c': `int main(void)\n{\n\treturn ${value};\n}\n`,
		configure: [
			'#!/bin/sh',
			'cat >build.ninja <<END',
			'rule cc',
			'  command = aarch64-linux-gnu-gcc -o \\$out \\$in',
			'build qemu-system-aarch64: cc ../source/target/arm/kvm.c',
			'END',
			'',
		].join('\n'),
	};
	for (const [name, text] of Object.entries(files)) {
		await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
		await writeFile(path.join(folder, name), text);
	}
	// Octal 755.
	await chmod(path.join(folder, 'configure'), 493);
}
