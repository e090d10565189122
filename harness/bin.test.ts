import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { commandFile } from './usage/places.ts';

/** vpmu as a user starts it. */
function vpmu(argv: readonly string[], env: Readonly<Record<string, string>>) {
	const outside = Object.entries(process.env).filter(([name]) => !/^(AVA|VPMU|NODE_)/.test(name));
	return spawnSync(process.execPath, [commandFile, ...argv], {
		env: { ...Object.fromEntries(outside), ...env },
		encoding: 'utf8',
		timeout: 25_000,
	});
}

test('compiled code is kept in the cache, and a start does not depend on that', t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const first = vpmu(['--version'], { VPMU_CACHE: folder });
	t.regex(first.stdout, /^\d+\.\d+\.\d+\n$/);
	t.deepEqual(readdirSync(folder), ['compiled']);
	t.true(readdirSync(path.join(folder, 'compiled'), { recursive: true }).length > 1);
	// A relative path is refused by the commands that use the cache, in a sentence; nothing is written.
	t.is(vpmu(['--version'], { VPMU_CACHE: 'relative' }).stdout, first.stdout);
	const unwritable = vpmu(['--version'], { VPMU_CACHE: '/dev/null/cache' });
	t.is(unwritable.stdout, first.stdout);
	t.is(unwritable.stderr, '');
});

test('with umask 000, nothing that vpmu makes can be written by others', t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const cache = path.join(folder, 'cache');
	const listed = spawnSync('sh', ['-c', 'umask 000; exec "$@"', 'sh', process.execPath, commandFile, 'image', 'list'], {
		env: { ...process.env, VPMU_CACHE: cache },
		encoding: 'utf8',
	});
	t.is(listed.status, 0, listed.stderr);
	const open = readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter(
		name => (statSync(path.join(cache, name)).mode & 0o022) !== 0,
	);
	t.deepEqual(open, []);
	t.is(statSync(cache).mode & 0o022, 0);
});
