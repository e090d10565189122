/** `Elf64_Nhdr` of NT_GNU_BUILD_ID: a name of 4 bytes, the type 3, and the name; the id's length stands between. */
const nameAndType = Buffer.from('\u0003\0\0\0GNU\0', 'latin1');

/**
 * Returns the build id of a program (the note that the linker writes, near its beginning), as hexadecimal text; `null` if the
 * given bytes have none.
 */
export function buildIdOf(bytes: Buffer): string | null {
	if (bytes.toString('latin1', 0, 4) !== '\u007fELF') return null;
	for (let at = bytes.indexOf(nameAndType); at >= 8; at = bytes.indexOf(nameAndType, at + 1)) {
		const [nameBytes, idBytes] = [bytes.readUInt32LE(at - 8), bytes.readUInt32LE(at - 4)];
		const from = at + nameAndType.length;
		if (nameBytes !== 4 || idBytes < 8 || idBytes > 64 || from + idBytes > bytes.length) continue;
		return bytes.toString('hex', from, from + idBytes);
	}
	return null;
}
