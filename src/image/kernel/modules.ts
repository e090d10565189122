import { createHash } from 'node:crypto';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import type { Cache } from '../cache/cache.ts';
import { commands } from '../cache/tool.ts';
import { debianProgram, hostArchitecture } from '../program.ts';
import type { Kernel } from './kernel.ts';

/** One module, uncompressed, in the cache. */
export interface KernelModule {
	readonly name: string;
	readonly path: string;
}

/** Returns a module's canonical name: file names may have `-` where the name has `_`. */
const moduleName = (file: string) =>
	path
		.basename(file)
		.replace(/\.ko(\.\w+)?$/, '')
		.replaceAll('-', '_');

/**
 * Finds modules of a kernel and their dependencies, in load order. Names without a module are left out: they are built in,
 * or the kernel has no modules.
 *
 * @throws VpmuError (blame `host` or `image`)
 */
export async function kernelModules(
	cache: Cache,
	kernel: Kernel,
	names: readonly string[],
	suite: string,
): Promise<KernelModule[]> {
	if (kernel.modules === null || names.length === 0) return [];
	const folder = kernel.modules;
	const key = createHash('sha256')
		.update(JSON.stringify([folder.split('/packages/').at(-1), names, kernel.hash]))
		.digest('hex');
	const kept = await cache.keep('kernels', `modules-${kernel.release}-${key.slice(0, 16)}`, async to => {
		await makeFolder(to);
		const files = new Map<string, string>();
		for (const file of await readdir(path.join(folder, 'kernel'), { recursive: true })) {
			if (/\.ko(\.\w+)?$/.test(file)) files.set(moduleName(file), path.join(folder, 'kernel', file));
		}
		const order: string[] = [];
		const add = async (name: string): Promise<void> => {
			const file = files.get(name);
			if (file === undefined || order.includes(name)) return;
			const plain = await decompress(cache, file, path.join(to, `${name}.ko`), suite);
			for (const dependency of moduleDependencies(plain)) await add(dependency);
			order.push(name);
		};
		for (const name of names) await add(name.replaceAll('-', '_'));
		await writeFile(path.join(to, 'order'), order.map(name => `${name}\n`).join(''));
		return { label: `Modules of Linux ${kernel.release}`, uses: kernel.uses };
	});
	const order = (await readFile(path.join(kept, 'order'), 'utf8')).split('\n').filter(Boolean);
	return order.map(name => ({ name, path: path.join(kept, `${name}.ko`) }));
}

/** Returns the names in `depends=` of a module's .modinfo section. */
export function moduleDependencies(module: Uint8Array): string[] {
	const bytes = Buffer.from(module.buffer, module.byteOffset, module.byteLength);
	const at = bytes.indexOf('\0depends=');
	if (at === -1) return [];
	const from = at + '\0depends='.length;
	return bytes.toString('latin1', from, bytes.indexOf(0, from)).split(',').filter(Boolean).map(moduleName);
}

async function decompress(cache: Cache, file: string, to: string, suite: string): Promise<Uint8Array> {
	if (file.endsWith('.ko')) {
		await copyFile(file, to);
	} else if (file.endsWith('.gz')) {
		await writeFile(to, gunzipSync(await readFile(file)));
	} else if (file.endsWith('.zst')) {
		await writeFile(to, zstdDecompressSync(await readFile(file)));
	} else if (file.endsWith('.xz')) {
		// Node has no xz, and xz-utils may not be installed.
		const request = {
			suite,
			architecture: hostArchitecture(),
			packages: ['busybox-static'],
			program: '/usr/bin/busybox',
		};
		const busybox = await debianProgram(cache, request);
		await copyFile(file, `${to}.xz`);
		await commands({ signal: cache.signal })`${busybox.command(busybox.root)} unxz -f ${`${to}.xz`}`;
	} else {
		throw new VpmuError(`kernel module ${path.basename(file)} has an unknown compression`, {
			blame: 'image',
		});
	}
	return await readFile(to);
}
