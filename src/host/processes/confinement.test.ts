import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dir } from 'tmp-promise';
import { unless, unlessRoot } from '../../lib/testing/unless.ts';
import { Workspace } from '../files/workspace.ts';
import { localHost } from '../local.ts';
import { Confinement } from './confinement.ts';
import { untrustedId } from './rights.ts';

const ifRoot = unless(unlessRoot, { serial: true });

ifRoot(
	'(as root) below a closed TMPDIR, an untrusted program reaches its folder and named files, and nothing else',
	async t => {
		const { path: closed, cleanup } = await dir({ unsafeCleanup: true });
		t.teardown(cleanup);
		const before = process.env.TMPDIR;
		t.teardown(() => {
			if (before === undefined) delete process.env.TMPDIR;
			else process.env.TMPDIR = before;
		});
		await mkdir(path.join(closed, 't'), { mode: 0o700 });
		process.env.TMPDIR = path.join(closed, 't');
		const [named, secret] = [path.join(closed, 'named'), path.join(closed, 'secret')];
		for (const file of [named, secret]) await writeFile(file, file, { mode: 0o600 });
		await mkdir(path.join(closed, 'folder'));
		await writeFile(path.join(closed, 'folder/secret'), '');

		await using host = localHost();
		await using workspace = new Workspace();
		const confinement = new Confinement(host, workspace);
		const own = await workspace.makeFolder();
		t.true(await confinement.give(own));
		const script = 'id -u; cat "$1"; cat "$2" "$3/folder/secret"; echo made >"$4/file"; ls "$4"';
		const words = ['sh', '-c', script, 'sh', named, 'SECRET', closed, own];
		const argv = await confinement.of(words, { maxFileBytes: 2 ** 20 });
		t.is(confinement.rootBecause, null);
		const { stdout, stderr } = await host.run(argv.map(word => (word === 'SECRET' ? secret : word)));
		t.is(stdout.toString(), `${untrustedId}\n${named}file\n`, stderr.toString());
		t.is(stderr.toString().match(/Permission denied/g)?.length, 2);
		t.is(await readFile(path.join(own, 'file'), 'utf8'), 'made\n', 'vpmu sees the same folder');
		await chmod(own, 0o700);
	},
);

ifRoot(
	'(as root) where only root may open /dev/kvm, an untrusted program gets a device of its own, and no more',
	async t => {
		if (!existsSync('/dev/kvm')) {
			t.pass('this machine has no /dev/kvm');
			t.log('this machine has no /dev/kvm');
			return;
		}
		await using host = localHost();
		const before = await stat('/dev/kvm');
		const look = 'id -u; [ -w /dev/kvm ] && echo kvm; [ -w /dev/mem ] && echo memory; ls /dev/kvm';
		const { stdout } = await host.run(['sh', '-c', look], { untrusted: { maxFileBytes: 2 ** 20, needsKvm: true } });
		const isForRootOnly = (before.mode & 0o066) === 0;
		const room = await host.makeFolder();
		const makeNode = 'mount -t tmpfs -o mode=700 vpmu "$1" && mknod "$1/kvm" c 10 232';
		const { status } = await host.run(['unshare', '-m', 'sh', '-c', makeNode, 'sh', room.path]);
		await room[Symbol.asyncDispose]();
		if (isForRootOnly && status !== 0) {
			t.is(host.rootBecause, '/dev/kvm is open to root only', 'root can make no device node here');
			return;
		}
		t.is(host.rootBecause, null);
		t.is(stdout.toString(), `${untrustedId}\nkvm\n/dev/kvm\n`);
		const { mode, gid } = await stat('/dev/kvm');
		t.deepEqual({ mode, gid }, { mode: before.mode, gid: before.gid }, "the machine's own is as it was");
	},
);
