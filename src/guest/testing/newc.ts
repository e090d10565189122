/** A file, folder or device node of a test guest. */
export interface NewcEntry {
	readonly path: string;
	readonly mode: number;
	readonly content?: Uint8Array;
	readonly device?: readonly [number, number];
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

/** A cpio archive in the "newc" format, as Documentation/driver-api/early-userspace/buffer-format.rst describes it. */
export function newc(entries: readonly NewcEntry[]): Buffer {
	const all = [...entries, { path: 'TRAILER!!!', mode: 0 }];
	return Buffer.concat(
		all.flatMap(({ path, mode, content = Buffer.alloc(0), device = [0, 0] }: NewcEntry, index) => {
			const name = Buffer.from(`${path}\0`);
			const fields = [index + 1, mode, 0, 0, 1, 0, content.length, 0, 0, device[0], device[1], name.length, 0];
			const header = `070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`;
			return [padded(Buffer.concat([Buffer.from(header), name])), padded(Buffer.from(content))];
		}),
	);
}
