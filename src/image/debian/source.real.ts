import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import { dir } from 'tmp-promise';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { openCache } from '../cache/cache.ts';
import { startFakeMirror } from '../testing/fake-mirror.ts';
import { debianSource } from './source.ts';
import { findMirrors } from './sources.ts';

test('a mirror that lists a source and lacks its files is to blame; a source that no suite has is bad input', async t => {
	const { main } = await findMirrors(process.env);
	await using mirror = await startFakeMirror(async (asked, response) => {
		if (!asked.startsWith('/debian/dists/')) return false;
		const answer = await fetch(main.uri.replace(/\/$/, '') + asked.replace('/debian', ''));
		if (!answer.ok || answer.body === null) return false;
		await pipeline(Readable.fromWeb(answer.body as never), response);
		return true;
	});
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const cache = await openCache({
		env: {
			...{ VPMU_CACHE: folder, VPMU_DEBIAN_MIRROR: mirror.uri },
			...(main.signedBy === undefined ? {} : { VPMU_DEBIAN_KEYRING: main.signedBy }),
		},
	});
	const error = await t.throwsAsync(debianSource(cache, 'trixie', 'qemu'), { instanceOf: VpmuError });
	t.is(error.blame, 'host');
	t.regex(error.message, /lists the source of 'qemu' in suite 'trixie', but lacks http:.*\/pool\/main\/q\/qemu\/qemu_/);
	t.deepEqual(await readdir(`${folder}/tmp`), []);
	await t.throwsAsync(debianSource(cache, 'trixie', 'no-such-source'), {
		instanceOf: UsageError,
		message: /has no source of 'no-such-source' in suite 'trixie'$/,
	});
});
