import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { openCache } from './cache.ts';

test('a cache that others may write to, or that belongs to another user, is refused with the remedy', async t => {
	const { path: place, cleanup } = await dir({ prefix: 'vpmu-cache-', unsafeCleanup: true });
	t.teardown(cleanup);
	const root = path.join(place, 'cache');
	await openCache({ env: { VPMU_CACHE: root } });
	t.is(statSync(root).mode & 0o7777, 0o700);
	for (const mode of [0o777, 0o770, 0o1777]) {
		chmodSync(root, mode);
		await t.throwsAsync(openCache({ env: { VPMU_CACHE: root } }), {
			message: new RegExp(
				`^others may write to the cache '.*' \\(mode ${mode.toString(8)}\\); 'chmod go-w' on it, or VPMU_CACHE`,
			),
		});
	}
	if (process.getuid?.() !== 0) {
		t.log('skipped: a cache of another user (only root can make one)');
		return;
	}
	const foreign = path.join(place, 'foreign');
	mkdirSync(foreign, { mode: 0o755 });
	chownSync(foreign, 12_345, 12_345);
	await t.throwsAsync(openCache({ env: { VPMU_CACHE: foreign } }), {
		message: /belongs to user 12345, and vpmu runs as user 0; VPMU_CACHE names another folder$/,
	});
});
