import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { dir } from 'tmp-promise';
import { VpmuError } from '../../lib/errors.ts';
import { LockBusyError } from '../../lib/files/lock.ts';
import { cacheRoot, openCache } from './cache.ts';
import { verifiedHash } from './identity.ts';
import type { Progress } from './progress.ts';

async function makeCache(t: { teardown(fn: () => unknown): void }, onProgress?: (progress: Progress) => void) {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	return await openCache({ env: { VPMU_CACHE: folder }, onProgress });
}

test('where the cache is', t => {
	t.is(cacheRoot({ VPMU_CACHE: '/a/b', XDG_CACHE_HOME: '/x', HOME: '/h' }), '/a/b');
	t.is(cacheRoot({ XDG_CACHE_HOME: '/x', HOME: '/h' }), '/x/vpmu');
	t.is(cacheRoot({ XDG_CACHE_HOME: 'relative', HOME: '/h' }), '/h/.cache/vpmu');
	t.throws(() => cacheRoot({ VPMU_CACHE: 'here' }), { message: /VPMU_CACHE is 'here', but must be an absolute path/ });
});

test('a thing is made once, however many requests come at once', async t => {
	const cache = await makeCache(t);
	let made = 0;
	const make = async (to: string) => {
		made++;
		await delay(50);
		await writeFile(to, 'content');
		return { label: 'a thing' };
	};
	const paths = await Promise.all(Array.from({ length: 5 }, () => cache.keep('images', 'thing', make)));
	t.is(made, 1);
	t.is(new Set(paths).size, 1);
	t.is(await readFile(paths[0]!, 'utf8'), 'content');
	t.like(await cache.record('images', 'thing'), { label: 'a thing', sizeBytes: 7 });
});

test('work in the same process takes turns, without waiting for its own lock or failing on it', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const said: Progress[] = [];
	const cache = await openCache({ env: { VPMU_CACHE: folder }, wait: false, onProgress: one => said.push(one) });
	let working = 0;
	const work = async () => {
		t.is(++working, 1);
		await delay(30);
		working--;
	};
	const turns = ['index', 'index', 'index'].map(name => cache.exclusively(name, work));
	const failing = cache.exclusively('index', () => Promise.reject(new Error('stopped')));
	const after = cache.exclusively('index', work);
	await t.throwsAsync(failing, { message: 'stopped' });
	await Promise.all([...turns, after]);
	t.deepEqual(said, []);
});

test('work that fails half-way leaves nothing, and can be repeated', async t => {
	const cache = await makeCache(t);
	const failing = cache.keep('images', 'thing', async to => {
		await mkdir(to);
		await writeFile(path.join(to, 'half'), '');
		throw new Error('stopped');
	});
	await t.throwsAsync(failing, { message: 'stopped' });
	t.deepEqual(await readdir(cache.folder('images')), []);
	t.deepEqual(await readdir(path.join(cache.root, 'tmp')), []);
	await cache.keep('images', 'thing', async to => {
		await writeFile(to, 'whole');
		return {};
	});
	t.deepEqual((await readdir(cache.folder('images'))).sort(), ['thing', 'thing.json']);
});

test('a process killed while it makes a thing leaves neither a lock nor a partial thing', async t => {
	const cache = await makeCache(t);
	const script = `
		import { openCache } from ${JSON.stringify(path.join(import.meta.dirname, 'cache.ts'))};
		import { writeFile } from 'node:fs/promises';
		const cache = await openCache();
		await cache.keep('images', 'thing', async to => {
			await writeFile(to, 'half');
			console.log('making');
			setInterval(() => undefined, 1000);
			await new Promise(() => undefined);
		});`;
	const other = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
		env: { ...process.env, VPMU_CACHE: cache.root },
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	await once(other.stdout, 'data');
	other.kill('SIGKILL');
	const kept = await cache.keep('images', 'thing', async to => {
		await t.throwsAsync(stat(to), { code: 'ENOENT' }, 'the other process left no partial thing behind');
		await writeFile(to, 'whole');
		return {};
	});
	t.is(await readFile(kept, 'utf8'), 'whole');
});

test('a wait for another process is reported, and can be aborted', async t => {
	const notices: Progress[] = [];
	const cache = await makeCache(t, progress => notices.push(progress));
	const controller = new AbortController();
	const waiting = await openCache({
		env: { VPMU_CACHE: cache.root },
		signal: controller.signal,
		onProgress: progress => {
			notices.push(progress);
			controller.abort(new Error('enough'));
		},
	});
	await cache.exclusively('work', async () => {
		await t.throwsAsync(
			waiting.exclusively('work', async () => undefined),
			{ message: 'enough' },
		);
	});
	const [notice] = notices as { notice: string }[];
	t.is(notices.length, 1);
	t.regex(notice!.notice, new RegExp(`^Waiting for process ${process.pid} \\(.*\\), which works on work$`));
	await cache.exclusively('work', async () => {
		const impatient = await openCache({ env: { VPMU_CACHE: cache.root }, wait: false });
		const error = await t.throwsAsync<LockBusyError>(
			impatient.exclusively('work', async () => undefined),
			{ instanceOf: LockBusyError },
		);
		t.is(error!.holder?.pid, process.pid);
	});
});

test('a truncated thing is made again; one with changed bytes is detected and removed', async t => {
	const notices: Progress[] = [];
	const cache = await makeCache(t, progress => notices.push(progress));
	const make = async (to: string) => {
		await writeFile(to, 'content');
		return {};
	};
	const kept = await cache.keep('images', 'thing', make);
	const hash = await verifiedHash(kept);
	t.is(hash, createHash('sha256').update('content').digest('hex'));
	await writeFile(kept, 'cont');
	t.is(await cache.keep('images', 'thing', make), kept);
	t.is(await readFile(kept, 'utf8'), 'content');
	t.deepEqual(notices[0], {
		notice: 'images/thing of the cache is damaged (4 bytes, but 7 were written) and is made again',
	});
	await writeFile(kept, 'CONTENT');
	t.is(await cache.keep('images', 'thing', make), kept, 'a look does not tell');
	const error = await t.throwsAsync(verifiedHash(kept), {
		instanceOf: VpmuError,
		message: /was damaged and has been removed/,
	});
	t.is(error!.blame, 'image');
	await cache.keep('images', 'thing', make);
	t.is(await verifiedHash(kept), hash);
});

test('disk errors say what to do', async t => {
	const cache = await makeCache(t);
	const full = cache.keep('images', 'thing', () => {
		throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', path: '/x/y' });
	});
	const error = await t.throwsAsync(full, { instanceOf: VpmuError });
	t.regex(error.message, /the disk is full \(\/x\/y\); VPMU_CACHE names another folder/);
	t.is(error.blame, 'host');
	await writeFile(path.join(cache.root, 'file'), '');
	await chmod(path.join(cache.root, 'file'), 0o600);
	const blocked = openCache({ env: { VPMU_CACHE: path.join(cache.root, 'file') } });
	t.is((await t.throwsAsync(blocked, { instanceOf: VpmuError })).blame, 'host');
});

test('processes that wait for one another all finish', async t => {
	const { root } = await makeCache(t);
	const lock = path.join(root, 'turns');
	await writeFile(lock, '');
	const script = `
		import { lockFile } from ${JSON.stringify(path.join(import.meta.dirname, 'lock.ts'))};
		for (let turn = 0; turn < 15; turn++) { await using _ = await lockFile(${JSON.stringify(lock)}); }
		console.log('all turns taken');`;
	const ends = await Promise.all(
		[1, 2].map(async () => {
			const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script]);
			const [stdout, [status]] = await Promise.all([child.stdout.toArray(), once(child, 'exit')]);
			return [status, Buffer.concat(stdout).toString()];
		}),
	);
	// Node exits with 13 when it waits for a promise that can no longer settle.
	t.deepEqual(ends, Array(2).fill([0, 'all turns taken\n']));
});
