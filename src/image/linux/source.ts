import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, UsageError, VpmuError } from '../../lib/errors.ts';
import type { Cache } from '../cache/cache.ts';
import { resolvePackages, unpackPackages } from '../debian/packages.ts';
import { hostArchitecture } from '../program.ts';
import { openForeign, readForeign } from '../sandbox/index.ts';

/** A source of Linux: a folder, or an archive as kernel.org and Debian publish them. */
export interface LinuxSource {
	/** As named by the user. */
	readonly name: string;
	readonly path: string;
	/** SHA-256 of an archive; `undefined` for a folder, whose content is read when it is copied. */
	readonly archiveHash: string | undefined;
	/** Of a folder that stands somewhere else each time: what its kept tree is known by, instead of its path. */
	readonly keptAs?: string;
}

/**
 * Opens what `--source` names.
 *
 * @param name its name in messages, if not its path
 * @throws UsageError if it does not exist or is not Linux's
 */
export async function openLinuxSource(file: string, cwd = process.cwd(), name = file): Promise<LinuxSource> {
	const place = path.resolve(cwd, file);
	const stats = await stat(place).catch(() => undefined);
	if (stats === undefined) {
		throw new UsageError(`there is no '${name}' to build from: a folder or an archive of Linux's source`);
	}
	if (!stats.isFile()) {
		await requireLinux(name, place);
		return { name, path: place, archiveHash: undefined };
	}
	if (!/\.t(ar\.)?(xz|gz|bz2)$|\.tgz$/.test(place)) {
		throw new UsageError(`'${name}' is not an archive of a source; allowed: .tar.xz, .tar.gz, .tar.bz2, or a folder`);
	}
	const hash = createHash('sha256');
	await pipeline(createReadStream(place), hash);
	return { name, path: place, archiveHash: hash.digest('hex') };
}

/**
 * Fetches the kernel source that a Debian suite has as a package, with Debian's patches. The package's hash is that of the
 * signed index.
 *
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function debianLinuxSource(cache: Cache, suite: string): Promise<LinuxSource> {
	const set = await resolvePackages(cache, { suite, architecture: hostArchitecture(), packages: ['linux-source'] });
	const [unpacked] = await unpackPackages(cache, set, item => /^linux-source-\d/.test(item.name));
	const folder = unpacked === undefined ? undefined : path.join(unpacked.folder, 'usr/src');
	const names = folder === undefined ? [] : await readdir(folder).catch((): string[] => []);
	const archive = names.find(name => /^linux-source-[\w.-]+\.tar\.(xz|gz|bz2)$/.test(name));
	if (folder === undefined || archive === undefined) {
		throw new VpmuError(`Debian ${suite}'s package linux-source has no archive of Linux's source`, { blame: 'image' });
	}
	return await openLinuxSource(path.join(folder, archive), '/', `debian:${suite}`);
}

/** Whether a folder is a source of Linux, rather than of QEMU. */
export async function isLinuxTree(folder: string): Promise<boolean> {
	return await requireLinux(folder, folder).then(
		() => true,
		() => false,
	);
}

/** Reads the version from a source tree. @throws UsageError if it is not Linux's */
export async function requireLinux(name: string, folder: string): Promise<string> {
	for (const file of ['Makefile', 'Kconfig', 'arch/arm64/Makefile', 'arch/arm64/kvm/Kconfig']) {
		// The tree is not trusted: do not follow a link or open a FIFO.
		await using _ = await openForeign(folder, file, 16 * 1024 ** 2).catch(error => {
			const why = error.code === 'ENOENT' ? `it has no file '${file}'` : messageOf(error);
			throw new UsageError(`'${name}' is not a source of Linux with KVM for arm64: ${why}`);
		});
	}
	const makefile = (await readForeign(folder, 'Makefile', 1 << 20)).toString('latin1').slice(0, 4096);
	const version = linuxVersion(makefile);
	if (version !== undefined) return version;
	throw new UsageError(`'${name}' is not a source of Linux: its Makefile does not begin with VERSION and PATCHLEVEL`);
}

/** The version in the top Makefile's first lines, such as `6.12.117` or `7.3.0-rc2`. */
export function linuxVersion(makefile: string): string | undefined {
	const of = (name: string) => new RegExp(`^${name}[ \\t]*=[ \\t]*([\\w.+-]{0,40})[ \\t]*$`, 'm').exec(makefile)?.[1];
	const [version, level, sub] = [of('VERSION'), of('PATCHLEVEL'), of('SUBLEVEL')];
	if (!version || !level) return undefined;
	return `${version}.${level}${sub ? `.${sub}` : ''}${of('EXTRAVERSION') ?? ''}`;
}
