import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { VpmuError } from '../lib/errors.ts';
import { resolvePackages, unpackPackages } from './debian/packages.ts';
import { findMirrors } from './debian/sources.ts';
import {
	buildImage,
	debianKernel,
	debianProgram,
	debianQemu,
	hostArchitecture,
	loadRecipe,
	openCache,
	type Recipe,
	readCpio,
} from './index.ts';
import { kernelFromFile } from './kernel/kernel.ts';
import { startFakeMirror } from './testing/fake-mirror.ts';

type Teardown = Pick<ExecutionContext, 'teardown' | 'is'>;

async function temporary(t: Teardown): Promise<string> {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	return folder;
}

const tiny: Recipe = {
	name: 'tiny',
	description: 'for tests',
	suite: 'trixie',
	architecture: 'arm64',
	packages: ['busybox-static'],
	programs: ['/usr/bin/busybox'],
	busybox: '/usr/bin/busybox',
	files: { '/init': { content: '#!/bin/sh\n', mode: 0o755 } },
};

/** No server listens there, so any network access fails. */
const noNetwork = { VPMU_DEBIAN_MIRROR: 'http://127.0.0.1:9/debian' };

/** A cache that has only the packages of another one. */
async function cacheWithPackagesOf(t: Teardown, other: string): Promise<string> {
	const root = await temporary(t);
	const copied = spawn('cp', ['-al', path.join(other, 'packages'), root], { stdio: ['ignore', 'inherit', 'inherit'] });
	const [status] = await once(copied, 'exit');
	t.is(status, 0);
	return root;
}

test.serial(
	'two clean caches give identical bytes, within a second and without network once the packages are there',
	async t => {
		const recipe = await loadRecipe('guest');
		const build = async (root: string, env: Record<string, string> = {}) =>
			await buildImage(await openCache({ env: { ...env, VPMU_CACHE: root } }), recipe);
		// The first cache fetches everything. The second shares the downloads, and builds in another folder at another time.
		const one = await temporary(t);
		const first = await build(one);
		const other = await cacheWithPackagesOf(t, one);
		const startedAt = performance.now();
		const cpu = process.cpuUsage();
		const second = await build(other, noNetwork);
		const { user, system } = process.cpuUsage(cpu);
		const cpuMs = (user + system) / 1000;
		t.log(
			`rebuilt in ${Math.round(performance.now() - startedAt)} ms, of which ${Math.round(cpuMs)} ms of CPU; ${first.sizeBytes} bytes`,
		);
		// Measure CPU time, to exclude other load on the machine.
		t.true(cpuMs < 1000);
		t.is(second.hash, first.hash);
		t.deepEqual(await readFile(second.path), await readFile(first.path));
		t.true(first.sizeBytes <= 12_000_000, `${first.sizeBytes} bytes`);
		const members = readCpio(await readFile(first.path));
		t.true(members.some(member => member.path === 'usr/bin/perf'));
	},
);

test.serial('a build killed at any moment leaves no partial image', async t => {
	const warm = await openCache();
	const whole = await buildImage(warm, await loadRecipe('guest'));
	const root = await cacheWithPackagesOf(t, warm.root);
	const script = `
		import { buildImage, loadRecipe, openCache } from ${JSON.stringify(path.join(import.meta.dirname, 'index.ts'))};
		const cache = await openCache();
		process.stdout.write('started');
		await buildImage(cache, await loadRecipe('guest'));`;
	let killed = 0;
	for (const afterMs of [0, 40, 80, 120, 160, 200, 250, 300, 400, 600]) {
		const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
			env: { ...process.env, ...noNetwork, VPMU_CACHE: root },
			stdio: ['ignore', 'pipe', 'inherit'],
		});
		await once(child.stdout, 'data');
		const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
		const [, signal] = await once(child, 'exit');
		clearTimeout(timer);
		if (signal === 'SIGKILL') killed += 1;
		const kept = (await readdir(path.join(root, 'images'))).filter(name => !name.endsWith('.json'));
		for (const name of kept) {
			const bytes = await readFile(path.join(root, 'images', name));
			t.is(createHash('sha256').update(bytes).digest('hex'), whole.hash, `killed after ${afterMs} ms`);
		}
		// Each one must start from scratch.
		for (const name of await readdir(path.join(root, 'images'))) await rm(path.join(root, 'images', name));
	}
	t.log(`${killed} builds were killed`);
	t.true(killed >= 3);
	const last = await buildImage(
		await openCache({ env: { ...noNetwork, VPMU_CACHE: root } }),
		await loadRecipe('guest'),
	);
	t.is(last.hash, whole.hash);
	t.deepEqual(await readdir(path.join(root, 'tmp')), []);
});

test.serial('two processes that start with an empty cache share the work', async t => {
	const root = await temporary(t);
	const script = `
		import { buildImage, openCache } from ${JSON.stringify(path.join(import.meta.dirname, 'index.ts'))};
		const cache = await openCache({ onProgress: progress => {
			if (progress.what?.startsWith('Downloading') && progress.done === progress.total) console.error('downloading');
		} });
		const image = await buildImage(cache, ${JSON.stringify(tiny)});
		console.log(JSON.stringify([image.path, image.hash]));`;
	const outputs = await Promise.all(
		[1, 2].map(async () => {
			const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
				env: { ...process.env, VPMU_CACHE: root },
			});
			const [stdout, stderr, [status]] = await Promise.all([
				child.stdout.toArray(),
				child.stderr.toArray(),
				once(child, 'exit'),
			]);
			return { stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), status };
		}),
	);
	for (const { status, stderr } of outputs) t.is(status, 0, stderr);
	t.is(outputs[1]!.stdout, outputs[0]!.stdout);
	t.is(
		outputs
			.map(output => output.stderr)
			.join('')
			.match(/downloading/g)?.length,
		1,
	);
	t.deepEqual(await readdir(path.join(root, 'tmp')), []);
});

test.serial('a package that was changed on its way is refused', async t => {
	const { main, security } = await findMirrors(process.env);
	await using mirror = await startFakeMirror(async (asked, response) => {
		const [, archive, rest] = /^\/(debian|debian-security)(\/.*)$/.exec(asked)!;
		const real = archive === 'debian' ? main : security!;
		const answer = await fetch(real.uri.replace(/\/$/, '') + rest);
		if (!answer.ok || answer.body === null) return false;
		if (asked.endsWith('.deb')) {
			const bytes = Buffer.from(await answer.arrayBuffer());
			bytes[bytes.length >> 1]! ^= 1;
			response.end(bytes);
			return true;
		}
		await pipeline(Readable.fromWeb(answer.body as never), response);
		return true;
	});
	const keyring = main.signedBy;
	const cache = await openCache({
		env: {
			VPMU_CACHE: await temporary(t),
			VPMU_DEBIAN_MIRROR: mirror.uri,
			...(keyring === undefined ? {} : { VPMU_DEBIAN_KEYRING: keyring }),
		},
	});
	const error = await t.throwsAsync(buildImage(cache, tiny), { instanceOf: VpmuError });
	t.is(error.blame, 'host');
	t.regex(error.message, /Hash Sum mismatch/i);
	t.deepEqual(await readdir(cache.folder('images')), []);
	t.true(mirror.requests.some(asked => asked.endsWith('.deb')));
});

test.serial("Debian's cpio unpacks an image", async t => {
	const cache = await openCache();
	const image = await buildImage(cache, tiny);
	const suite = 'trixie';
	const architecture = hostArchitecture();
	const cpio = await debianProgram(cache, { suite, architecture, packages: ['cpio'], program: '/usr/bin/cpio' });
	const [program, ...rest] = cpio.command(cpio.root);
	const child = spawn(program!, [...rest, '-t', '--quiet'], { stdio: ['pipe', 'pipe', 'inherit'] });
	child.stdin.end(await readFile(image.path));
	const listed = Buffer.concat(await child.stdout.toArray())
		.toString()
		.trim()
		.split('\n');
	t.deepEqual(
		listed,
		readCpio(await readFile(image.path)).map(member => member.path),
	);
	t.true(listed.includes('usr/bin/busybox'));
});

test.serial(
	"disks from two clean caches are identical, and Debian's unsquashfs finds the archive's contents in them",
	async t => {
		const warm = await openCache();
		const program = { suite: 'trixie', architecture: hostArchitecture(), packages: ['squashfs-tools'] };
		const unsquashfs = await debianProgram(warm, { ...program, program: '/usr/bin/unsquashfs' });
		const recipe: Recipe = { ...tiny, format: 'squashfs' };
		const image = await buildImage(warm, recipe);
		const other = await cacheWithPackagesOf(t, warm.root);
		const again = await buildImage(await openCache({ env: { ...noNetwork, VPMU_CACHE: other } }), recipe);
		t.not(again.path, image.path);
		t.deepEqual(await readFile(again.path), await readFile(image.path));
		t.deepEqual(await readdir(path.join(other, 'tmp')), []);

		const [command, ...rest] = unsquashfs.command(unsquashfs.root);
		const child = spawn(command!, [...rest, '-lln', image.path], { stdio: ['ignore', 'pipe', 'inherit'] });
		const listed = Buffer.concat(await child.stdout.toArray()).toString();
		const found = [
			...listed.matchAll(/^([dlcb-])([rwxt-]{9}) 0\/0 +([\d, ]+) 1970-01-01 00:00 squashfs-root\/?(.*)$/gm),
		];
		t.is(found.length, listed.trim().split('\n').length, listed);
		const members = readCpio(await readFile((await buildImage(warm, tiny)).path));
		const kinds: Readonly<Record<number, string>> = { 4: 'd', 10: 'l', 2: 'c', 6: 'b', 8: '-' };
		const inArchive = members.map(({ path: name, mode, data }) => {
			const kind = kinds[mode >> 12]!;
			return `${kind} ${name}${kind === 'l' ? ` -> ${Buffer.from(data)}` : ''}`;
		});
		t.deepEqual(
			found.flatMap(([, kind, , , name]) => (name === '' ? [] : [`${kind} ${name}`])).sort(),
			inArchive.sort(),
		);
		const rights = new Map(found.map(([, kind, bits, , name]) => [`${kind} ${name}`, bits]));
		t.is(rights.get('- init'), 'rwxr-xr-x');
		t.is(rights.get('d tmp'), 'rwxrwxrwt');
		t.is(rights.get('c dev/null'), 'rw-rw-rw-');
	},
);

test.serial('a Debian kernel is found, and is the same if read compressed from a file', async t => {
	const cache = await openCache();
	const kernel = await debianKernel(cache, 'bookworm');
	t.regex(kernel.release, /^6\.1\.\d+-\d+-cloud-arm64$/);
	const file = path.join(await temporary(t), 'Image.gz');
	await writeFile(file, gzipSync(await readFile(kernel.image), { level: 1 }));
	const own = await kernelFromFile(cache, file);
	t.is(own.hash, kernel.hash);
	t.is(own.image, kernel.image);
	t.is(own.release, kernel.release);
	const set = await resolvePackages(cache, { suite: 'trixie', architecture: 'arm64', packages: ['busybox-static'] });
	const [busybox] = await unpackPackages(cache, set, item => item.name === 'busybox-static');
	const wrong = kernelFromFile(cache, path.join(busybox!.folder, 'usr/bin/busybox'));
	t.regex((await t.throwsAsync(wrong)).message, /is an arm64 ELF file \(vmlinux\?\), not the Image made from it/);
});

test.serial('perf counts in the guest, and parts left out report that', async t => {
	const cache = await openCache({ onProgress: progress => 'notice' in progress && t.log(progress.notice) });
	const qemu = await debianQemu(cache, 'trixie', hostArchitecture());
	const kernel = await debianKernel(cache, 'trixie');
	const recipe = await loadRecipe('guest');
	const script = [
		'#!/bin/sh',
		'export PATH=/usr/bin:/usr/sbin',
		'mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys',
		'echo -1 >/proc/sys/kernel/perf_event_paranoid',
		'perf stat -x, -e cycles,instructions,r11 -- true 2>&1',
		'perf record -q -o /tmp/data -e cycles -- sh -c "i=0; while [ \\$i -lt 500 ]; do i=\\$((i+1)); done"',
		'perf report -i /tmp/data --stdio 2>/dev/null | grep -c "%.*sh"',
		'echo x >/tmp/x.py; perf script -i /tmp/data -s /tmp/x.py; echo "status $?"',
		'perf list hw 2>&1 | grep -c cycles',
		'echo finished',
		'poweroff -f',
	].join('\n');
	const image = await buildImage(cache, recipe, {
		extraFiles: [{ path: 'init', content: `${script}\n`, mode: 0o755 }],
	});
	const argv = [
		...qemu.command(qemu.root),
		...'-M virt,gic-version=3 -cpu max,pauth-impdef=on -m 512 -nodefaults -display none -serial stdio -no-reboot'.split(
			' ',
		),
		...['-kernel', kernel.image, '-initrd', image.path],
		...['-append', 'console=ttyAMA0 rdinit=/init panic=-1 quiet loglevel=0'],
	];
	const guest = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
	t.teardown(() => guest.kill('SIGKILL'));
	const output = Buffer.concat(await guest.stdout.toArray())
		.toString()
		.replaceAll('\r', '');
	t.regex(output, /^[1-9]\d*,,cycles,\d+,100\.00,,$/m);
	t.regex(output, /^[1-9]\d*,,r11,\d+,100\.00,,$/m);
	t.regex(output, /^<not supported>,,instructions/m);
	t.regex(output, /^vpmu leaves out libpython3[^:]*: perf script in Python\nstatus 69$/m);
	t.regex(output, /^finished$/m);
});

test.serial('packages come from the security suite of a release where it is newer', async t => {
	const cache = await openCache();
	await resolvePackages(cache, { suite: 'trixie', architecture: 'arm64', packages: ['openssh-server'] });
	const lists = path.join(cache.folder('packages'), 'apt/lists');
	const names = await readdir(lists);
	const versions = async (suite: string) => {
		const file = names.find(name => name.includes(`_dists_${suite}_main_binary-arm64_Packages`))!;
		const text = await readFile(path.join(lists, file), 'utf8');
		return new Map(
			[...text.matchAll(/^Package: (\S+)\n(?:.+\n)*?Version: (\S+)$/gm)].map(([, name, version]) => [name!, version!]),
		);
	};
	const [release, security] = [await versions('trixie'), await versions('trixie-security')];
	const isNewer = async (one: string, other: string) => {
		const [status] = await once(spawn('dpkg', ['--compare-versions', one, 'gt', other]), 'exit');
		return status === 0;
	};
	const fixed: string[] = [];
	for (const [name, version] of security) {
		const old = release.get(name);
		if (fixed.length < 3 && old !== undefined && (await isNewer(version, old))) fixed.push(name);
	}
	t.true(fixed.length > 0, 'the security suite holds something that the release does not have yet');
	for (const name of fixed) {
		const { set, suites } = await resolvePackages(cache, { suite: 'trixie', architecture: 'arm64', packages: [name] });
		t.false(await isNewer(security.get(name)!, set.find(item => item.name === name)!.version), name);
		t.true(suites.includes('trixie-security'));
	}
});

test.serial('a mirror without the security archive is told, and used', async t => {
	const { main } = await findMirrors(process.env);
	await using mirror = await startFakeMirror(async (asked, response) => {
		if (!asked.startsWith('/debian/')) return false;
		const answer = await fetch(main.uri.replace(/\/$/, '') + asked.replace('/debian', ''));
		if (!answer.ok || answer.body === null) return false;
		await pipeline(Readable.fromWeb(answer.body as never), response);
		return true;
	});
	const notices: string[] = [];
	const cache = await openCache({
		env: {
			VPMU_CACHE: await temporary(t),
			VPMU_DEBIAN_MIRROR: mirror.uri,
			...(main.signedBy === undefined ? {} : { VPMU_DEBIAN_KEYRING: main.signedBy }),
		},
		onProgress: progress => 'notice' in progress && notices.push(progress.notice),
	});
	const set = await resolvePackages(cache, { suite: 'trixie', architecture: 'arm64', packages: ['busybox-static'] });
	t.deepEqual([set.suites, set.absent], [['trixie', 'trixie-updates'], ['trixie-security']]);
	t.regex(notices.join('\n'), /has no trixie-security \(http:.*debian-security\).*VPMU_DEBIAN_SECURITY_MIRROR/);
});
