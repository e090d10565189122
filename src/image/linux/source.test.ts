import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { isLinuxTree, linuxVersion, openLinuxSource } from './source.ts';
import { writeFakeLinux } from './testing/fake-linux.ts';

test('the version comes from the first lines of the Makefile', t => {
	t.is(linuxVersion('# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nEXTRAVERSION =\nNAME = x\n'), '6.12.117');
	t.is(linuxVersion('VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n'), '7.3.0-rc2');
	t.is(linuxVersion('all:\n\tcc x.c\n'), undefined);
});

test('a Linux tree is told from other folders, and what is missing is named', async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-linux-', unsafeCleanup: true });
	t.teardown(cleanup);
	const place = path.join(folder, 'linux');
	writeFakeLinux(place);
	t.true(await isLinuxTree(place));
	t.false(await isLinuxTree(folder));
	t.deepEqual(await openLinuxSource('linux', folder), { name: 'linux', path: place, archiveHash: undefined });
	await t.throwsAsync(openLinuxSource('.', folder), {
		message: "'.' is not a source of Linux with KVM for arm64: it has no file 'Makefile'",
	});
	await t.throwsAsync(openLinuxSource('none', folder), {
		message: "there is no 'none' to build from: a folder or an archive of Linux's source",
	});
	writeFileSync(path.join(folder, 'linux.zip'), '');
	await t.throwsAsync(openLinuxSource('linux.zip', folder), {
		message: /^'linux.zip' is not an archive of a source; allowed: /,
	});
	mkdirSync(path.join(folder, 'fifo'));
	execFileSync('mkfifo', [path.join(folder, 'fifo/Makefile')]);
	await t.throwsAsync(openLinuxSource('fifo', folder), { message: /'Makefile' is not a regular file$/ });
});
