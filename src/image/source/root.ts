import { createHash } from 'node:crypto';
import { cp, lstat, mkdir, readdir, readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { VpmuError } from '../../lib/errors.ts';
import { type Cache, linkOrCopy } from '../cache/cache.ts';
import { lastLines, runTool, type ToolOptions } from '../cache/tool.ts';
import { type PackageRequest, type PackageSet, resolvePackages, unpackPackages } from '../debian/packages.ts';
import { canonical } from '../debian/tree.ts';

/** Debian packages put together as a system to build in: nothing of it is installed on this machine. */
export interface BuildRoot {
	/** Belongs to the cache. */
	readonly folder: string;
	/** Stands for the exact versions in it. */
	readonly key: string;
}

/** Names that Debian gives when it installs (update-alternatives). */
const alternatives = [
	['awk', 'gawk'],
	['cc', 'gcc'],
] as const;

/** Raised when roots are put together differently. */
const layoutVersion = 4;

/**
 * A system of packages, for one or several architectures. Of two packages with one file that of the later request wins, so
 * that programs of this machine stand over those of another that only its libraries came along with.
 *
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function buildRoot(cache: Cache, name: string, requests: readonly PackageRequest[]): Promise<BuildRoot> {
	const sets: PackageSet[] = [];
	for (const request of requests) sets.push(await resolvePackages(cache, request));
	const key = createHash('sha256')
		.update(JSON.stringify([layoutVersion, sets.map(set => set.set.map(item => item.sha256))]))
		.digest('hex')
		.slice(0, 16);
	const folder = await cache.keep('roots', `${name}-${key}`, async to => {
		for (const merged of ['bin', 'sbin', 'lib', 'lib64']) {
			await mkdir(path.join(to, 'usr', merged), { recursive: true });
			await symlink(`usr/${merged}`, path.join(to, merged));
		}
		for (const place of ['dev', 'proc', 'tmp', 'mnt']) await mkdir(path.join(to, place));
		const uses = new Set<string>();
		for (const set of sets) {
			const what = `Putting together ${name} (${set.architecture})`;
			const packages = await unpackPackages(cache, set);
			for (const [done, unpacked] of packages.entries()) {
				cache.progress({ what, done, total: packages.length, unit: 'packages' });
				await join(unpacked.folder, to);
				uses.add(unpacked.key);
			}
			cache.progress({ what, done: packages.length, total: packages.length, unit: 'packages' });
		}
		await finish(to);
		return { label: `${name}: packages to build with, put together`, uses: [...uses].sort() };
	});
	return { folder, key };
}

/** What the packages' own scripts would make when they are installed, as far as a build needs it. */
async function finish(root: string): Promise<void> {
	for (const [name, target] of alternatives) {
		if ((await lstat(path.join(root, 'usr/bin', target)).catch(() => undefined)) === undefined) continue;
		await symlink(target, path.join(root, 'usr/bin', name)).catch(() => undefined);
	}
	// Python's pip, which makes QEMU's own environment without any network, will not start without it.
	const certificates = path.join(root, 'usr/share/ca-certificates/mozilla');
	const names = await readdir(certificates).catch((): string[] => []);
	const bundle = await Promise.all(names.sort().map(name => readFile(path.join(certificates, name))));
	await mkdir(path.join(root, 'etc/ssl/certs'), { recursive: true });
	await writeFile(path.join(root, 'etc/ssl/certs/ca-certificates.crt'), Buffer.concat(bundle));
}

/** Adds the files of a package, as links to those in the cache where that is possible. */
async function join(from: string, to: string): Promise<void> {
	for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
		const source = path.join(entry.parentPath, entry.name);
		const place = path.join(to, canonical(`/${path.relative(from, source)}`));
		const there = await lstat(place).catch(() => undefined);
		if (entry.isDirectory()) {
			if (there === undefined) await mkdir(place, { recursive: true });
			continue;
		}
		// The links of merged /usr are made already.
		if (there?.isDirectory() === true) continue;
		if (there !== undefined) await unlink(place);
		await mkdir(path.dirname(place), { recursive: true });
		if (entry.isSymbolicLink()) await cp(source, place, { verbatimSymlinks: true });
		else await linkOrCopy(source, place);
	}
}

/**
 * Runs a script of sh in a build root, where `work` stands at /mnt: the only folder that it can write to besides /tmp. All
 * that it starts ends with it.
 *
 * @throws VpmuError (blame `host`) when this machine allows no file systems of one's own; the signal's reason
 */
export async function runInRoot(
	root: BuildRoot,
	script: string,
	{ work, env = {}, ...options }: Omit<ToolOptions, 'cwd'> & { readonly work: string },
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
	const enter = [
		'set -e; root=$1; work=$2; shift 2',
		'mount --rbind /dev "$root/dev"; mount -t proc proc "$root/proc"; mount -t tmpfs tmp "$root/tmp"',
		'mount --bind "$work" "$root/mnt"',
		'mount --bind -o remount,ro,bind "$root" 2>/dev/null || mount -o remount,ro,bind "$root"',
		'exec chroot "$root" /usr/bin/env -i "$@"',
	];
	const before = 'mount --bind "$1" "$1"';
	const variables = Object.entries({ PATH: '/usr/sbin:/usr/bin', HOME: '/tmp', LC_ALL: 'C.UTF-8', ...env });
	const user = process.getuid?.() === 0 ? [] : ['--map-root-user'];
	const result = await runTool(
		[
			...['unshare', ...user, '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'],
			...['sh', '-c', `${before}; ${enter.join('\n')}`, 'sh', root.folder, work],
			...variables.map(([name, value]) => `${name}=${value}`),
			...['/bin/sh', '-c', `cd /mnt\n${script}`],
		],
		options,
	);
	if (/^unshare: |^mount: |^chroot: /m.test(result.stderr.split('\n')[0] ?? '') && result.status !== 0) {
		const evidence = lastLines(result.stderr);
		throw new VpmuError(`this machine lets nobody build in a system of its own: ${evidence[0]}`, {
			blame: 'host',
			evidence,
		});
	}
	return result;
}
