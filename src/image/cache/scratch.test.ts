import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { openCache } from './cache.ts';

async function emptyCache(t: ExecutionContext) {
	const { path: root, cleanup } = await dir({ prefix: 'vpmu-scratch-', unsafeCleanup: true });
	t.teardown(cleanup);
	const notices: string[] = [];
	const open = () =>
		openCache({ env: { VPMU_CACHE: root }, onProgress: item => 'notice' in item && notices.push(item.notice) });
	const names = async () => (await readdir(path.join(root, 'tmp'))).map(name => name.replace(/@.*/, '@')).sort();
	const locks = async () => (await readdir(path.join(root, 'locks'))).filter(name => name.includes('@'));
	return { root, open, names, locks, notices };
}

/** A process that makes a cache entry inside scratch work, and waits to be killed. */
const worker = (root: string) => `
	import { mkdir, writeFile } from 'node:fs/promises';
	import { openCache } from ${JSON.stringify(path.resolve(import.meta.dirname, 'cache.ts'))};
	const cache = await openCache({ env: { VPMU_CACHE: ${JSON.stringify(root)} } });
	await cache.scratch('build-1', async folder => {
		await mkdir(folder + '/source/deep', { recursive: true });
		await cache.keep('roots', 'tree', async to => {
			await writeFile(to, 'half');
			console.log('working');
			await new Promise(resolve => setTimeout(resolve, 600_000));
		});
	});`;

test('the unfinished work of a killed process is removed by the next vpmu, and that of a living one stays', async t => {
	const { root, open, names, locks, notices } = await emptyCache(t);
	const argv = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', worker(root)];
	const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
	t.teardown(() => child.kill('SIGKILL'));
	t.is(String((await once(child.stdout, 'data'))[0]), 'working\n');
	await open();
	t.deepEqual(await names(), ['build-1@', 'roots+tree']);
	t.deepEqual(notices, []);
	child.kill('SIGKILL');
	await once(child, 'close');
	// The helper that holds a lock ends when the pipe from its process does.
	for (let left = 600; left > 0 && (await names()).length > 0; left--) await open();
	t.deepEqual([await names(), await locks()], [[], []]);
	t.true(notices.every(notice => notice === 'Removing the unfinished work of a killed vpmu') && notices.length > 0);
});

test('scratch work gets a folder of its own, which is gone afterwards, even if the work fails', async t => {
	const { open, names, locks } = await emptyCache(t);
	const cache = await open();
	await cache.scratch('build-1', async one => {
		await cache.scratch('build-1', async other => {
			await writeFile(path.join(one, 'file'), '');
			t.deepEqual(await readdir(other), []);
		});
		t.deepEqual(await readdir(one), ['file']);
	});
	await t.throwsAsync(
		cache.scratch('build-1', () => Promise.reject(new Error('no'))),
		{ message: 'no' },
	);
	t.deepEqual([await names(), await locks()], [[], []]);
});

test('what no lock stands for is left alone, since its owner is not known', async t => {
	const { root, open, names } = await emptyCache(t);
	await mkdir(path.join(root, 'tmp/build-of-an-older-version'), { recursive: true });
	await open();
	t.deepEqual(await names(), ['build-of-an-older-version']);
});
