import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { type Cache, linkOrCopy } from '../cache/cache.ts';
import { resolvePackages, type UnpackedPackage, unpackPackages } from '../debian/packages.ts';
import type { KernelConfig } from '../linux/config.ts';
import { configOf, modulesOf } from './beside.ts';
import { debKernel } from './deb.ts';
import { extractImage, kernelRelease } from './format.ts';

/** An arm64 kernel in the form that QEMU's `-kernel` takes. */
export interface Kernel {
	/** As printed by `uname -r`; empty if the kernel does not contain it. */
	readonly release: string;
	/** Path of the uncompressed Image, in the cache. */
	readonly image: string;
	/** Folder that holds `kernel/…/*.ko*`, in the cache or beside a user's kernel; `null` for a kernel without modules. */
	readonly modules: string | null;
	/** Its configuration; `undefined` if it is not known, as of Debian's. */
	readonly config?: KernelConfig | undefined;
	/** As the user named it: `debian:SUITE`, `small` or a path. */
	readonly label: string;
	/** SHA-256 of the Image. */
	readonly hash: string;
	/** Cache entries that it is made of. */
	readonly uses: readonly string[];
}

/**
 * Fetches Debian's arm64 kernel for virtual machines (the cloud flavour: KVM, PL011 and virtio are built in).
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function debianKernel(cache: Cache, suite: string): Promise<Kernel> {
	const request = { suite, architecture: 'arm64', packages: ['linux-image-cloud-arm64'] } as const;
	const set = await resolvePackages(cache, request);
	// Its other dependencies only serve its installation: initramfs-tools, udev and what they need.
	const packages = await unpackPackages(cache, set, item => /^linux-(image|binary|modules)-.*cloud/.test(item.name));
	const file = await findFile(packages, /^(boot\/vmlinuz-|(usr\/)?lib\/modules\/[^/]+\/vmlinuz$)/);
	const modules = await findModules(packages);
	if (file === undefined || modules === undefined) {
		throw new VpmuError(
			`Debian ${suite}'s package linux-image-cloud-arm64 holds no ${file === undefined ? 'kernel' : 'modules'} where one was expected`,
			{ blame: 'image', evidence: packages.map(item => item.file) },
		);
	}
	const kernel = await keepImage(cache, file.path, `debian:${suite}`, true);
	return { ...kernel, modules: modules.path, uses: [...kernel.uses, modules.owner.key] };
}

/**
 * Loads a user's kernel: an arm64 Image, plain or compressed (Image.gz, Image.zst, vmlinuz, EFI zboot), with its modules if
 * they are beside it, as an installed kernel's are; or a Debian package with these.
 * @throws UsageError when there is no such file, or it is not a kernel
 */
export async function kernelFromFile(cache: Cache, file: string): Promise<Kernel> {
	const deb = await debKernel(cache, file);
	const place = deb?.file ?? file;
	const kernel = await keepImage(cache, place, file);
	const [config, modules] = await Promise.all([
		configOf(await readFile(kernel.image), path.resolve(place), kernel.release),
		modulesOf(place, kernel.release),
	]);
	return {
		...kernel,
		config,
		modules: modules ?? null,
		uses: [...kernel.uses, ...(deb === undefined ? [] : [deb.key])],
	};
}

async function keepImage(cache: Cache, file: string, label: string, own = false): Promise<Kernel> {
	let bytes: Buffer;
	try {
		bytes = await readFile(file);
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		const why =
			code === 'ENOENT'
				? 'there is no such file'
				: code === 'EISDIR'
					? 'it is a folder'
					: code === 'EACCES'
						? 'permission denied'
						: (error as Error).message;
		throw new UsageError(`cannot read the kernel '${file}': ${why}`, { cause: error });
	}
	const image = extractImage(bytes);
	if ('problem' in image) {
		throw new UsageError(
			`the kernel '${file}' is ${image.problem}; allowed: an arm64 Image, plain or compressed (Image.gz, vmlinuz, EFI zboot)`,
		);
	}
	const hash = createHash('sha256').update(image).digest('hex');
	const release = kernelRelease(image);
	const name = `Image-${hash.slice(0, 20)}`;
	const kept = await cache.keep('kernels', name, async to => {
		// A user's file may change; a cached one does not.
		if (own && image === bytes) await linkOrCopy(file, to);
		else await writeFile(to, image);
		return { label: `Linux ${release || 'of unknown release'}`, release };
	});
	return { release, image: kept, modules: null, label, hash, uses: [`kernels/${name}`] };
}

async function findFile(
	packages: readonly UnpackedPackage[],
	pattern: RegExp,
): Promise<{ path: string; owner: UnpackedPackage } | undefined> {
	for (const owner of packages) {
		for (const folder of ['boot', 'lib/modules', 'usr/lib/modules']) {
			const names = await readdir(path.join(owner.folder, folder), { recursive: folder === 'boot' }).catch(() => []);
			const candidates =
				folder === 'boot' ? names.map(name => `boot/${name}`) : names.map(name => `${folder}/${name}/vmlinuz`);
			for (const candidate of candidates) {
				const full = path.join(owner.folder, candidate);
				if (pattern.test(candidate) && (await stat(full).catch(() => undefined))?.isFile())
					return { path: full, owner };
			}
		}
	}
	return undefined;
}

async function findModules(
	packages: readonly UnpackedPackage[],
): Promise<{ path: string; owner: UnpackedPackage } | undefined> {
	for (const owner of packages) {
		for (const folder of ['usr/lib/modules', 'lib/modules']) {
			for (const release of await readdir(path.join(owner.folder, folder)).catch(() => [])) {
				const full = path.join(owner.folder, folder, release);
				if (await stat(path.join(full, 'kernel')).catch(() => undefined)) return { path: full, owner };
			}
		}
	}
	return undefined;
}
