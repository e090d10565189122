import { readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { localHost } from '../../src/host/index.ts';
import { debianPackage, hostArchitecture, openCache } from '../../src/image/index.ts';
import { copyCache } from '../testing/cache.ts';
import { readRun } from '../testing/vpmu.ts';
import { fault } from './testing/fault.ts';

const counts = ['pmu/default-counts', '--qemu', 'debian:trixie'];

const notRoot = process.getuid?.() === 0 ? undefined : 'mounting a small disk needs root';

/** Mounts a disk of this size for the duration of a test. */
async function smallDisk(t: ExecutionContext, disk: string, size: string): Promise<string> {
	await using host = localHost();
	await mkdir(disk, { recursive: true });
	const mounted = await host.run(['mount', '-t', 'tmpfs', '-o', `size=${size}`, 'vpmu-test', disk]);
	t.is(mounted.status, 0, mounted.stderr.toString());
	t.teardown(async () => {
		await using again = localHost();
		const { status, stderr } = await again.run(['umount', disk]);
		if (status !== 0) throw new Error(stderr.toString());
	});
	return disk;
}

// There is not even room for AVA's log. A reader of AVA's output that stopped would block AVA forever.
fault(
	'disk of the run folder full from the start',
	async ({ run, folder }, t) => {
		const disk = await smallDisk(t, path.join(folder, 'disk'), '4k');
		return await run(['fault/starts'], { out: path.join(disk, 'run') });
	},
	notRoot,
);

fault(
	'disk of the run folder full',
	async ({ run, folder }, t) => {
		const disk = await smallDisk(t, path.join(folder, 'disk'), '20k');
		return await run(['fault/boots'], { out: path.join(disk, 'run') });
	},
	notRoot,
);

fault(
	'disk of temporary files full',
	async ({ run, folder }, t) => {
		const disk = await smallDisk(t, path.join(folder, 'disk'), '16k');
		await writeFile(path.join(disk, 'fill'), 'x'.repeat(16 * 1024)).catch(() => undefined);
		return await run(['fault/starts'], { env: { TMPDIR: disk } });
	},
	notRoot,
);

fault(
	'disk of the cache full',
	async ({ run, folder }, t) => {
		const disk = await smallDisk(t, path.join(folder, 'disk'), '1m');
		return await run(['fault/starts'], { env: { VPMU_CACHE: path.join(disk, 'cache') } });
	},
	notRoot,
);

fault(
	'disk of the cache full while a board boots',
	async ({ run, folder }, t) => {
		const { cache } = await cacheCopy(folder);
		const snapshots = path.join(cache, 'snapshots');
		for (const name of await readdir(snapshots)) if (name.startsWith('board-')) await rm(path.join(snapshots, name));
		await smallDisk(t, path.join(cache, 'tmp'), '100m');
		return await run([...counts, '--on', 'board:uniform'], { cases: null, env: { VPMU_CACHE: cache } });
	},
	notRoot,
);

/** Makes a cache for a test whose image can be damaged; everything else is linked. */
async function cacheCopy(folder: string): Promise<{ cache: string; image: string }> {
	const cache = await copyCache(path.join(folder, 'cache'));
	await using host = localHost();
	const images = (await readdir(path.join(cache, 'images'))).filter(name => /^guest-[0-9a-f]+$/.test(name));
	for (const name of images) {
		const file = path.join(cache, 'images', name);
		await cp(file, `${file}.own`);
		await host.run(['mv', `${file}.own`, file]);
	}
	const damaged = images.map(name => path.join(cache, 'images', name));
	return { cache, image: damaged.join('\n') };
}

fault('image truncated', async ({ run, folder }) => {
	const { cache, image } = await cacheCopy(folder);
	for (const file of image.split('\n')) await truncate(file, 100_000);
	return await run(['fault/boots'], { env: { VPMU_CACHE: cache } });
});

fault('image changed', async ({ run, folder }) => {
	const { cache, image } = await cacheCopy(folder);
	for (const file of image.split('\n')) {
		const bytes = await readFile(file);
		bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
		await writeFile(file, bytes);
	}
	return await run(['fault/boots'], { env: { VPMU_CACHE: cache } });
});

fault(
	'KVM asked for on a machine that has none',
	({ run }) => run([...counts, '--on', 'local'], { cases: null }),
	process.arch === 'arm64' ? 'this machine is arm64' : undefined,
);

// libfaketime changes the time that the C library reports to each process of the run.
fault('clock of this machine jumps', async ({ run, folder }, t) => {
	const { folder: faketime } = await debianPackage(await openCache(), {
		...{ suite: 'bookworm', name: 'libfaketime', architecture: hostArchitecture() },
	});
	const library = (await readdir(faketime, { recursive: true })).find(name => name.endsWith('/libfaketime.so.1'));
	const clock = path.join(folder, 'clock');
	await writeFile(clock, '+0\n');
	const ending = run(['fault/boots'], {
		env: {
			LD_PRELOAD: path.join(faketime, library!),
			...{ FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' },
		},
	});
	// All within the run, which takes some five seconds.
	for (const days of ['+400d', '-400d']) {
		await delay(2000);
		await writeFile(clock, `${days}\n`);
	}
	const end = await ending;
	const { results } = readRun(path.join(folder, 'run'));
	const moments = readFileSync(path.join(folder, 'run', 'events.ndjson'), 'utf8')
		.split('\n')
		.filter(line => line !== '');
	const years = new Set(moments.map(line => new Date(JSON.parse(line).at).getUTCFullYear()));
	t.true(years.size > 1, `the clock did not jump: ${[...years]}`);
	t.true(results!.run.durationMs < 120_000, `${results!.run.durationMs}`);
	return end;
});

// Port 9 is discard: no ssh server listens there.
fault('ssh server refuses connections', ({ run }) => run([...counts, '--on', 'ssh://127.0.0.1:9'], { cases: null }));

fault('ssh host has no such name', ({ run }) => run([...counts, '--on', 'ssh://vpmu-test.invalid'], { cases: null }));
