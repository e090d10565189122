import { UsageError } from '../../lib/errors.ts';

/** An entry of a tree: a folder, a file or a symbolic link. Paths have no leading slash. */
export type TreeEntry = { readonly path: string } & (
	| { readonly folder: true }
	| { readonly content: string }
	| { readonly link: string }
);

/** Writes a POSIX ustar archive of a tree (IEEE 1003.1, pax, "ustar Interchange Format"). Any tar unpacks it in one process. */
export function tarOf(tree: readonly TreeEntry[]): Buffer {
	const blocks = tree.flatMap(entry => {
		const content = 'content' in entry ? Buffer.from(entry.content) : Buffer.alloc(0);
		return [header(entry, content.length), content, Buffer.alloc(-content.length & 511)];
	});
	return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function header(entry: TreeEntry, sizeBytes: number): Buffer {
	const block = Buffer.alloc(512);
	const [name, prefix] = splitPath(entry.path);
	const link = 'link' in entry ? entry.link : '';
	if (Buffer.byteLength(link) > 100)
		throw new UsageError(`link '${link}' is too long to be simulated: at most 100 bytes`);
	const octal = (value: number, at: number, length: number) =>
		block.write(value.toString(8).padStart(length - 1, '0'), at);
	block.write(name, 0);
	octal('folder' in entry ? 0o755 : 0o644, 100, 8);
	octal(0, 108, 8);
	octal(0, 116, 8);
	octal(sizeBytes, 124, 12);
	octal(0, 136, 12);
	block.write('        ', 148);
	block.write('folder' in entry ? '5' : 'link' in entry ? '2' : '0', 156);
	block.write(link, 157);
	block.write('ustar\x0000', 257);
	block.write(prefix, 345);
	const sum = block.reduce((total, byte) => total + byte, 0);
	block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
	return block;
}

/** Splits a path into name and prefix: up to 100 bytes after a slash, up to 155 before it. */
function splitPath(path: string): [name: string, prefix: string] {
	if (Buffer.byteLength(path) <= 100) return [path, ''];
	for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
		const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
		if (Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return [name, prefix];
	}
	throw new UsageError(`path '${path}' is too long to be simulated`);
}
