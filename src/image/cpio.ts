import { open } from 'node:fs/promises';

/**
 * One file of an archive. `path` has no leading slash. Owner is root and times are 0, so that equal content gives equal bytes.
 */
export type CpioEntry = {
	readonly path: string;
	/** Permission bits; 0755 for folders, 0777 for symbolic links, else 0644 by default. */
	readonly mode?: number;
} & (
	| { readonly content: Uint8Array | string }
	| { readonly symlink: string }
	| { readonly directory: true }
	/** Character or block device, major and minor number. */
	| { readonly device: readonly ['c' | 'b', number, number] }
);

const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

/** Archives are padded to this boundary, like those of cpio(1); the kernel needs a multiple of 4 before the next one. */
const blockBytes = 512;

/**
 * Completes and sorts entries for a file system: adds missing folders, puts parents before their contents, and keeps
 * the later of two entries with the same path.
 *
 * @throws Error for an empty, absolute or climbing path
 */
export function completeEntries(entries: Iterable<CpioEntry>): CpioEntry[] {
	const byPath = new Map<string, CpioEntry>();
	for (const entry of entries) {
		if (
			!/^(?!\/)./.test(entry.path) ||
			entry.path.split('/').some(part => part === '' || part === '.' || part === '..')
		) {
			throw new Error(`'${entry.path}' is not a valid path in an archive`);
		}
		byPath.set(entry.path, entry);
	}
	for (const path of [...byPath.keys()]) {
		for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
			const parent = path.slice(0, end);
			if (!byPath.has(parent)) byPath.set(parent, { path: parent, directory: true });
		}
	}
	// Sort by bytes, which puts parents before their contents: the kernel does not make missing folders.
	return [...byPath.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

/**
 * Writes a newc archive (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst) of {@link completeEntries}.
 *
 * @throws Error for an empty, absolute or climbing path, or a file over 4 GiB
 */
export function writeCpio(entries: Iterable<CpioEntry>): Buffer {
	const parts: Uint8Array[] = [];
	let inode = 1;
	for (const entry of completeEntries(entries)) {
		if (entry.path === 'TRAILER!!!') throw new Error("'TRAILER!!!' ends an archive and cannot be a file's name");
		parts.push(...member(entry, inode++));
	}
	parts.push(...record({ name: 'TRAILER!!!', inode: 0, mode: 0, links: 1, data: new Uint8Array(), device: [0, 0] }));
	const size = parts.reduce((sum, part) => sum + part.length, 0);
	parts.push(Buffer.alloc(padding(size, blockBytes)));
	return Buffer.concat(parts);
}

function member(entry: CpioEntry, inode: number): Uint8Array[] {
	const name = entry.path;
	const device = [0, 0] as const;
	if ('directory' in entry) {
		const mode = S_IFDIR | (entry.mode ?? 0o755);
		return record({ name, inode, mode, links: 2, data: new Uint8Array(), device });
	}
	if ('symlink' in entry) {
		return record({ name, inode, mode: S_IFLNK | 0o777, links: 1, data: Buffer.from(entry.symlink), device });
	}
	if ('device' in entry) {
		const [kind, major, minor] = entry.device;
		const mode = (kind === 'c' ? S_IFCHR : S_IFBLK) | (entry.mode ?? 0o600);
		return record({ name, inode, mode, links: 1, data: new Uint8Array(), device: [major, minor] });
	}
	const data = typeof entry.content === 'string' ? Buffer.from(entry.content) : entry.content;
	return record({ name, inode, mode: S_IFREG | (entry.mode ?? 0o644), links: 1, data, device });
}

function record(item: {
	name: string;
	inode: number;
	mode: number;
	links: number;
	data: Uint8Array;
	device: readonly [number, number];
}): Uint8Array[] {
	if (item.data.length > 0xffffffff) throw new Error(`${item.name} is larger than 4 GiB, the limit of newc`);
	const name = Buffer.from(`${item.name}\0`);
	const fields = [
		item.inode,
		item.mode,
		0, // uid
		0, // gid
		item.links,
		0, // mtime
		item.data.length,
		0, // device of the file system
		0,
		...item.device,
		name.length,
		0, // checksum: only the crc variant has one
	];
	const head = Buffer.from(`070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`, 'latin1');
	return [
		head,
		name,
		Buffer.alloc(padding(head.length + name.length, 4)),
		item.data,
		Buffer.alloc(padding(item.data.length, 4)),
	];
}

function padding(size: number, boundary: number): number {
	return (boundary - (size % boundary)) % boundary;
}

/** One entry found by {@link readCpio}. */
export interface CpioMember {
	readonly path: string;
	/** Type and permission bits, as stat(2) gives them. */
	readonly mode: number;
	readonly data: Uint8Array;
	readonly device: readonly [number, number];
}

/** Reads concatenated newc archives, as the kernel does. @throws Error for anything else */
export function readCpio(bytes: Uint8Array): CpioMember[] {
	const found: CpioMember[] = [];
	const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString('utf8');
	let at = 0;
	while (at < bytes.length) {
		if (bytes[at] === 0) {
			at++;
			continue;
		}
		if (!/^07070[12]$/.test(text(at, at + 6))) throw new Error(`no newc header at byte ${at}`);
		const field = (index: number) => Number.parseInt(text(at + 6 + index * 8, at + 14 + index * 8), 16);
		const nameLength = field(11);
		const dataFrom = at + 110 + nameLength + padding(110 + nameLength, 4);
		const data = bytes.subarray(dataFrom, dataFrom + field(6));
		if (data.length !== field(6)) throw new Error(`the archive ends within a member at byte ${at}`);
		const path = text(at + 110, at + 110 + nameLength - 1);
		if (path !== 'TRAILER!!!') found.push({ path, mode: field(1), data, device: [field(9), field(10)] });
		at = dataFrom + data.length + padding(data.length, 4);
	}
	return found;
}

/**
 * Joins initramfs archives, compressed or not, into one file. The kernel unpacks them in this order: later files win.
 * @param parts paths of archives, or their bytes
 */
export async function joinInitramfs(parts: readonly (string | Uint8Array)[], to: string): Promise<void> {
	await using target = await open(to, 'w');
	let size = 0;
	const write = async (bytes: Uint8Array) => {
		await target.writeFile(bytes);
		size += bytes.length;
	};
	for (const part of parts) {
		// An archive must begin on a multiple of 4; zeros between archives are skipped.
		await write(Buffer.alloc(padding(size, 4)));
		if (typeof part !== 'string') {
			await write(part);
			continue;
		}
		await using source = await open(part);
		for await (const chunk of source.createReadStream({ highWaterMark: 1 << 20, autoClose: false })) await write(chunk);
	}
}
