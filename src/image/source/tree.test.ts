import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { copySource, openQemuSource } from './tree.ts';

test('a FIFO in a source folder is refused by name, without waiting for it', async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-tree-', unsafeCleanup: true });
	t.teardown(cleanup);
	mkdirSync(path.join(folder, 'target/arm'), { recursive: true });
	for (const [name, text] of Object.entries({ VERSION: '10.9.9\n', configure: '', 'target/arm/kvm.c': '' })) {
		writeFileSync(path.join(folder, name), text);
	}
	t.true((await openQemuSource(folder)).hash.length === 64);
	const fifo = path.join(folder, 'target/fifo');
	execFileSync('mkfifo', [fifo]);
	await t.throwsAsync(openQemuSource(folder), {
		message: `'${fifo}' is neither a file nor a folder nor a link: it cannot be built from`,
	});
});

test('the source of a git tree is what git tracks, with fetched subprojects, but without build folders and patches', async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-tree-', unsafeCleanup: true });
	t.teardown(cleanup);
	const write = (name: string, text: string) => {
		mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
		writeFileSync(path.join(folder, name), text);
	};
	for (const name of ['configure', 'target/arm/kvm.c', 'hw/removed.c', 'roms/big.c']) write(name, '');
	write('VERSION', '10.9.9\n');
	const git = (...argv: string[]) => execFileSync('git', argv, { cwd: folder, stdio: 'pipe' });
	git('init', '-q');
	git('add', '-A');
	rmSync(path.join(folder, 'hw/removed.c'));
	write('target/arm/kvm.c', 'changed and not committed\n');
	write('subprojects/keycodemapdb/data', 'fetched\n');
	const before = await openQemuSource(folder);
	write('build-arm64/x.o', 'object\n');
	write('series.mbx', 'mail\n');
	const source = await openQemuSource(folder);
	t.is(source.hash, before.hash);
	const to = path.join(folder, 'copy');
	await copySource(source, to, false);
	t.deepEqual(
		readdirSync(to, { recursive: true, encoding: 'utf8' })
			.filter(name => statSync(path.join(to, name)).isFile())
			.sort(),
		['VERSION', 'configure', 'subprojects/keycodemapdb/data', 'target/arm/kvm.c'],
	);
	t.is(readFileSync(path.join(to, 'target/arm/kvm.c'), 'utf8'), 'changed and not committed\n');
	write('hw/new.c', '');
	git('add', 'hw/new.c');
	t.not((await openQemuSource(folder)).hash, before.hash);
});
