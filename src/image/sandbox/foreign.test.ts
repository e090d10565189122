import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { VpmuError } from '../../lib/errors.ts';
import { copyForeign, parseLimits, readForeign, removeForeign } from './index.ts';

async function folder(t: ExecutionContext): Promise<string> {
	const { path: place, cleanup } = await dir({ prefix: 'vpmu-foreign-', unsafeCleanup: true });
	t.teardown(cleanup);
	return place;
}

test('a regular file is read, and one that is too large is refused with both sizes', async t => {
	const place = await folder(t);
	mkdirSync(path.join(place, 'sub'));
	writeFileSync(path.join(place, 'sub/file'), 'content');
	t.is((await readForeign(place, 'sub/file', 100)).toString(), 'content');
	await t.throwsAsync(readForeign(place, 'sub/file', 6), { message: "'sub/file' has 7 bytes; allowed: 6" });
	await t.throwsAsync(readForeign(place, 'sub/none', 6), { code: 'ENOENT' });
});

test('links, FIFOs, folders and devices are refused without waiting for them', async t => {
	const place = await folder(t);
	const outside = path.join(await folder(t), 'secret');
	writeFileSync(outside, 'secret');
	symlinkSync(outside, path.join(place, 'link'));
	symlinkSync(path.dirname(outside), path.join(place, 'folder-link'));
	symlinkSync('/dev/zero', path.join(place, 'zero'));
	execFileSync('mkfifo', [path.join(place, 'fifo')]);
	mkdirSync(path.join(place, 'folder'));
	for (const name of ['link', 'folder-link/secret', 'zero', 'fifo', 'folder']) {
		await t.throwsAsync(readForeign(place, name, 100), { message: `'${name}' is not a regular file` }, name);
	}
	for (const name of ['../secret', '/etc/passwd', '', 'a//b', './link']) {
		await t.throwsAsync(readForeign(place, name, 100), { message: /is not a plain path below a folder/ }, name);
	}
});

/** Exchanges a file and its folder with links to a secret until it is killed. */
const exchanging = `
	const { renameSync, rmSync, symlinkSync } = require('node:fs');
	const [place, outside] = process.argv.slice(1);
	process.chdir(place);
	for (;;) {
		for (const [name, target] of [['sub', outside], ['sub/file', outside + '/file']]) {
			renameSync(name, 'aside');
			symlinkSync(target, name);
			rmSync(name);
			renameSync('aside', name);
		}
	}
`;

test('what is exchanged with a link while it is opened is read as it was, or refused', async t => {
	const [place, outside] = [await folder(t), await folder(t)];
	mkdirSync(path.join(place, 'sub'));
	writeFileSync(path.join(place, 'sub/file'), 'own');
	writeFileSync(path.join(outside, 'file'), 'secret');
	const child = spawn(process.execPath, ['-e', exchanging, place, outside], { stdio: 'ignore' });
	// What it still renames while it is killed would stand in the way of the folder's removal.
	t.teardown(async () => {
		if (child.kill('SIGKILL')) await once(child, 'exit');
	});
	const seen = new Map<string, number>();
	const often = () => Math.min(seen.get('own') ?? 0, seen.get('refused') ?? 0) >= 50;
	while (!often() && !seen.has('secret') && child.exitCode === null) {
		const what = await readForeign(place, 'sub/file', 100).then(
			content => content.toString(),
			error => (error instanceof VpmuError ? 'refused' : error.code),
		);
		seen.set(what, (seen.get(what) ?? 0) + 1);
	}
	t.is(child.exitCode, null, 'it exchanges all the time');
	// ENOENT: neither is there at that moment.
	t.deepEqual([...seen.keys()].filter(what => what !== 'ENOENT').sort(), ['own', 'refused']);
});

test('a copy has our own mode, not the original one', async t => {
	const place = await folder(t);
	writeFileSync(path.join(place, 'program'), 'x');
	chmodSync(path.join(place, 'program'), 0o6777);
	const to = path.join(await folder(t), 'copy');
	await copyForeign(place, 'program', to, { maxBytes: 10, mode: 0o755 });
	t.is(statSync(to).mode & 0o7777, 0o755);
	await t.throwsAsync(copyForeign(place, 'program', to, { maxBytes: 10, mode: 0o755 }), { code: 'EEXIST' });
});

test('a folder is removed whatever modes it was left with', async t => {
	const place = path.join(await folder(t), 'left');
	mkdirSync(path.join(place, 'a/b'), { recursive: true });
	writeFileSync(path.join(place, 'a/b/c'), '');
	chmodSync(path.join(place, 'a/b'), 0);
	chmodSync(path.join(place, 'a'), 0);
	await removeForeign(place);
	t.false(existsSync(place));
	await removeForeign(place);
});

test('limits are parsed with their units, and refused by name', t => {
	const limits = parseLimits(['time=30m', 'memory=2G', 'processes=50', 'output=10K']);
	t.deepEqual(
		[limits.timeMs, limits.memoryBytes, limits.processes, limits.outputBytes],
		[1_800_000, 2 ** 31, 50, 10_240],
	);
	for (const wrong of ['time=5', 'time=0s', 'memory=4', 'cpu=3G', 'processes=5G', 'disk', 'memory=-1G']) {
		t.throws(() => parseLimits([wrong]), { message: new RegExp(`^'${wrong}' is not a limit of a build; allowed: `) });
	}
});

test('a folder nested deeper than a path may be long is removed', async t => {
	const place = path.join(await folder(t), 'deep');
	const down =
		'mkdir -p "$0" && cd "$0" && for i in $(seq 60); do mkdir $1 && cd -P $1 || exit 1; done; : >file; chmod 0 .';
	execFileSync('bash', ['-c', down, place, 'd'.repeat(100)]);
	await removeForeign(place);
	t.false(existsSync(place));
});
