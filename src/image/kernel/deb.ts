import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, UsageError } from '../../lib/errors.ts';
import type { Cache } from '../cache/cache.ts';
import { requireTool } from '../cache/tool.ts';
import { unpackDeb } from '../unpack/deb.ts';

/** A Debian package is an ar archive whose first member is `debian-binary` (deb(5)). */
const magic = '!<arch>\ndebian-binary';

/** A kernel in a package that was unpacked into the cache. */
export interface DebKernel {
	/** Its file, as an installed kernel's: modules and configuration are where they are beside one. */
	readonly file: string;
	/** The cache entry. */
	readonly key: string;
}

/**
 * Unpacks a Debian package of a kernel, such as those that `make bindeb-pkg` makes, and finds the kernel in it. Returns `undefined`
 * for a file that is not a package. Nothing of the package is run.
 * @throws UsageError for a package that cannot be unpacked, is too large, or holds no kernel or several
 */
export async function debKernel(cache: Cache, file: string): Promise<DebKernel | undefined> {
	if (!(await isDeb(file))) return undefined;
	const hash = createHash('sha256');
	for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
	const name = `deb-${hash.digest('hex').slice(0, 20)}`;
	const refuse = (why: string) => new UsageError(`the package '${file}' ${why}; allowed: a package with one kernel`);
	const folder = await cache.keep('packages', name, async to => {
		try {
			await unpackDeb(file, to, 'it');
		} catch (error) {
			cache.signal?.throwIfAborted();
			throw refuse(`cannot be unpacked: ${messageOf(error)}`);
		}
		// A link could lead out of the folder: modules are read by name.
		await requireTool(['find', to, '-type', 'l', '-delete'], { signal: cache.signal });
		return { label: `package ${path.basename(file)}` };
	});
	const found = await kernelsIn(folder);
	if (found.length !== 1) {
		throw refuse(found.length === 0 ? 'holds no kernel' : `holds ${found.length} kernels: ${found.join(', ')}`);
	}
	return { file: path.join(folder, found[0]!), key: `packages/${name}` };
}

async function isDeb(file: string): Promise<boolean> {
	const handle = await open(file).catch(() => undefined);
	if (handle === undefined) return false;
	try {
		const { buffer, bytesRead } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
		return buffer.toString('latin1', 0, bytesRead) === magic;
	} catch {
		return false;
	} finally {
		await handle.close();
	}
}

/** Where packages have kernels: `boot/vmlinuz-RELEASE`, or `vmlinuz` beside the modules. */
async function kernelsIn(folder: string): Promise<string[]> {
	const names = async (below: string) =>
		(await readdir(path.join(folder, below)).catch(() => [])).map(name => path.join(below, name));
	const candidates = [
		...(await names('boot')).filter(name => /^(vmlinuz|vmlinux|Image)-/.test(path.basename(name))),
		...[...(await names('lib/modules')), ...(await names('usr/lib/modules'))].map(name => path.join(name, 'vmlinuz')),
	];
	const areFiles = await Promise.all(
		candidates.map(async name => (await lstat(path.join(folder, name)).catch(() => undefined))?.isFile()),
	);
	return candidates.filter((_, index) => areFiles[index]);
}
