import { link, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { openCache } from './cache.ts';
import { recordFile } from './identity.ts';
import { cacheSize, listCache, pruneCache } from './inventory.ts';
import type { CacheKind } from './kinds.ts';

const dayMs = 24 * 60 * 60 * 1000;

async function filledCache(t: { teardown(fn: () => unknown): void }) {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const cache = await openCache({ env: { VPMU_CACHE: folder } });
	const add = async (kind: CacheKind, name: string, ageDays: number, uses: string[] = []) => {
		const kept = await cache.keep(kind, name, async to => {
			await mkdir(to);
			await writeFile(path.join(to, 'file'), Buffer.alloc(10_000));
			return { label: `the ${name}`, uses };
		});
		const used = new Date(Date.now() - ageDays * dayMs);
		await utimes(recordFile(kept), used, used);
	};
	await add('packages', 'old-used', 50);
	await add('packages', 'old-unused', 50);
	await add('packages', 'new', 1);
	await add('images', 'old', 50, ['packages/new']);
	await add('images', 'recent', 2, ['packages/old-used', 'kernels/nested']);
	await add('kernels', 'nested', 50, ['packages/nested-package']);
	await add('packages', 'nested-package', 50);
	await add('snapshots', 'board', 50);
	await mkdir(path.join(cache.folder('packages'), 'pins'));
	return cache;
}

test('the list shows sizes, ages and what uses what', async t => {
	const items = await listCache(await filledCache(t));
	t.is(items.length, 8);
	const item = items.find(candidate => candidate.name === 'old-used')!;
	t.is(item.label, 'the old-used');
	t.deepEqual(item.usedBy, ['images/recent']);
	t.true(item.sizeBytes >= 10_000 && item.sizeBytes < 40_000);
	t.is(Math.round((Date.now() - item.usedAt.getTime()) / dayMs), 50);
});

test('a size is that of all folders; links are not followed, and what they share counts once', async t => {
	const cache = await filledCache(t);
	const before = await cacheSize(cache);
	await cache.keep('packages', 'linked', async to => {
		await mkdir(path.join(to, 'inner/deep'), { recursive: true });
		const file = path.join(to, 'inner/deep/file');
		await writeFile(file, Buffer.alloc(1_000_000));
		await link(file, path.join(to, 'second'));
		await symlink(cache.folder('images'), path.join(to, 'third'));
		return {};
	});
	const { sizeBytes } = (await listCache(cache)).find(({ name }) => name === 'linked')!;
	for (const size of [sizeBytes, (await cacheSize(cache)) - before]) {
		t.true(size >= 1_000_000 && size < 1_050_000, String(size));
	}
});

test('pruning removes old things, but not what a remaining thing was made from', async t => {
	const cache = await filledCache(t);
	const dry = await pruneCache(cache, { unusedForMs: 10 * dayMs, dryRun: true });
	t.is((await listCache(cache)).length, 8);
	const removed = await pruneCache(cache, { unusedForMs: 10 * dayMs });
	const names = (items: readonly { kind: string; name: string }[]) =>
		items.map(item => `${item.kind}/${item.name}`).sort();
	t.deepEqual(names(removed), ['images/old', 'packages/old-unused']);
	t.deepEqual(names(dry), names(removed));
	t.deepEqual(names(await listCache(cache)), [
		'images/recent',
		'kernels/nested',
		'packages/nested-package',
		'packages/new',
		'packages/old-used',
		'snapshots/board',
	]);
	t.deepEqual(await readdir(path.join(cache.root, 'tmp')), []);
});

test('pruning everything keeps boards and the chosen versions', async t => {
	const cache = await filledCache(t);
	await pruneCache(cache, { unusedForMs: 0 });
	t.deepEqual(
		(await listCache(cache)).map(item => item.name),
		['board'],
	);
	t.deepEqual(await readdir(cache.folder('packages')), ['pins']);
});
