import { readdir } from 'node:fs/promises';
import test from 'ava';
import { dir } from 'tmp-promise';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { openCache } from '../cache/cache.ts';
import { startFakeMirror } from '../testing/fake-mirror.ts';
import { resolvePackages } from './packages.ts';

async function cacheOn(t: { teardown(fn: () => unknown): void }, uri: string, more: { signal?: AbortSignal } = {}) {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	return await openCache({ env: { VPMU_CACHE: folder, VPMU_DEBIAN_MIRROR: uri }, ...more });
}
const request = { suite: 'trixie', architecture: 'arm64', packages: ['busybox-static'] } as const;

test('an unsigned index is refused', async t => {
	await using mirror = await startFakeMirror((path, response) => {
		if (!path.endsWith('Release')) return false;
		response.end('Origin: Debian\nSuite: trixie\nCodename: trixie\nDate: Sun, 01 Nov 2026 00:00:00 UTC\nSHA256:\n');
		return true;
	});
	const cache = await cacheOn(t, mirror.uri);
	const error = await t.throwsAsync(resolvePackages(cache, request), { instanceOf: VpmuError });
	t.is(error.blame, 'host');
	t.regex(error.evidence.join('\n'), /sign/i);
	t.deepEqual(await readdir(cache.folder('packages')), ['apt'], 'nothing was chosen');
});

test('a suite that the mirror does not have is bad input', async t => {
	await using mirror = await startFakeMirror(() => false);
	const cache = await cacheOn(t, mirror.uri);
	const error = await t.throwsAsync(resolvePackages(cache, { ...request, suite: 'trixy' }), { instanceOf: UsageError });
	t.regex(error.message, /has no suite 'trixy' for arm64/);
	t.true(mirror.requests.some(path => path.includes('/dists/trixy/')));
	const malformed = resolvePackages(cache, { ...request, suite: 'Trixie; rm' });
	t.regex((await t.throwsAsync(malformed, { instanceOf: UsageError })).message, /'Trixie; rm' is not a Debian suite/);
});

test('an unreachable mirror is named as such', async t => {
	const cache = await cacheOn(t, 'http://127.0.0.1:9/debian');
	const error = await t.throwsAsync(resolvePackages(cache, request), { instanceOf: VpmuError });
	t.is(error.blame, 'host');
	t.regex(error.message, /connect/i);
});

test('an abort ends apt', async t => {
	const controller = new AbortController();
	await using mirror = await startFakeMirror(async () => {
		controller.abort(new Error('enough'));
		await new Promise(() => undefined);
		return true;
	});
	const cache = await cacheOn(t, mirror.uri, { signal: controller.signal });
	await t.throwsAsync(resolvePackages(cache, request), { message: 'enough' });
});
