/**
 * Reads the names of the applets from a busybox program's own table: names in alphabetical order, each ended by a
 * zero byte, beginning with `[` and `[[`. So links can be made without running a program of another architecture.
 */
export function busyboxApplets(program: Uint8Array): string[] {
	const bytes = Buffer.from(program.buffer, program.byteOffset, program.byteLength);
	const start = bytes.indexOf('[\0[[\0');
	if (start === -1) return [];
	const names: string[] = [];
	for (let at = start; at < bytes.length; ) {
		const end = bytes.indexOf(0, at);
		const name = bytes.toString('latin1', at, end);
		if (!/^[[a-z0-9][\w.[-]*$/.test(name) || (names.length > 0 && name <= names.at(-1)!)) break;
		names.push(name);
		at = end + 1;
	}
	return names;
}
