import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
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
