import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { takeOver } from './take-over.ts';

test('only changed files are copied again, and the hash is that of the contents', async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-take-', unsafeCleanup: true });
	t.teardown(cleanup);
	const [from, to] = [path.join(folder, 'from'), path.join(folder, 'to')];
	mkdirSync(path.join(from, 'kvm/deep'), { recursive: true });
	for (const name of ['kvm/a.c', 'kvm/b.c', 'kvm/deep/c.c']) writeFileSync(path.join(from, name), `${name}\n`);
	symlinkSync('a.c', path.join(from, 'kvm/link.c'));
	const first = await takeOver(from, to, {});
	t.is(first.count, 4);
	t.is(readFileSync(path.join(to, 'kvm/link.c'), 'utf8'), 'kvm/a.c\n');
	const timeOf = (name: string) => statSync(path.join(to, name)).mtimeMs;
	for (const name of ['kvm/a.c', 'kvm/b.c', 'kvm/deep/c.c']) utimesSync(path.join(to, name), 1, 1);

	writeFileSync(path.join(from, 'kvm/a.c'), 'changed\n');
	// Written again with the same content.
	writeFileSync(path.join(from, 'kvm/b.c'), 'kvm/b.c\n');
	utimesSync(path.join(from, 'kvm/b.c'), 5, 5);
	const second = await takeOver(from, to, first.files);
	t.not(second.contentHash, first.contentHash);
	t.is(readFileSync(path.join(to, 'kvm/a.c'), 'utf8'), 'changed\n');
	t.true(timeOf('kvm/a.c') > 1000);
	t.deepEqual([timeOf('kvm/b.c'), timeOf('kvm/deep/c.c')], [1000, 1000]);

	writeFileSync(path.join(from, 'kvm/a.c'), 'kvm/a.c\n');
	t.is((await takeOver(from, to, second.files)).contentHash, first.contentHash);
	rmSync(path.join(from, 'kvm/deep'), { recursive: true });
	const last = await takeOver(from, to, second.files);
	t.false(existsSync(path.join(to, 'kvm/deep/c.c')));
	t.deepEqual(Object.keys(last.files), ['kvm/a.c', 'kvm/b.c', 'kvm/link.c']);
});

test("build products in the source and git's folder are not copied", async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-take-', unsafeCleanup: true });
	t.teardown(cleanup);
	const from = path.join(folder, 'from');
	const left = [
		'.config',
		'include/config/auto.conf',
		'include/generated/x.h',
		'kvm/a.o',
		'kvm/.a.o.cmd',
		'.git/HEAD',
		'vmlinux',
	];
	const wanted = ['include/linux/config.h', 'kvm/a.c', 'scripts/config', 'arch/arm64/boot/Makefile'];
	for (const name of [...left, ...wanted]) {
		mkdirSync(path.dirname(path.join(from, name)), { recursive: true });
		writeFileSync(path.join(from, name), '');
	}
	const { files } = await takeOver(from, path.join(folder, 'to'), {});
	t.deepEqual(Object.keys(files).sort(), [...wanted].sort());
	execFileSync('mkfifo', [path.join(from, 'kvm/fifo')]);
	await t.throwsAsync(takeOver(from, path.join(folder, 'to'), files), {
		message: `'${path.join(from, 'kvm/fifo')}' is neither a file nor a folder nor a link: it cannot be built from`,
	});
});
