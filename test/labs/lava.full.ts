import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { debianPackage, openCache } from '../../src/image/index.ts';
import { temporaryFolder, userEnvironment, vpmu } from '../testing/vpmu.ts';

/** Files of Debian's LAVA and of what it is written with, unpacked in the cache; nothing is installed. */
async function lava(): Promise<{ program: string; modules: string }> {
	const cache = await openCache({ env: process.env, onProgress: () => undefined });
	const folderOf = async (name: string, suite: string) =>
		(await debianPackage(cache, { suite, architecture: 'amd64', name })).folder;
	const common = await folderOf('lava-common', 'trixie-backports');
	const others = [await folderOf('python3-yaml', 'trixie'), await folderOf('python3-voluptuous', 'trixie')];
	return {
		program: path.join(common, 'usr/share/lava-common/lava-schema.py'),
		modules: [common, ...others].map(folder => path.join(folder, 'usr/lib/python3/dist-packages')).join(':'),
	};
}

test("LAVA's own schema accepts every job that is written, and refuses a wrong one", async t => {
	const folder = await temporaryFolder(t);
	const { program, modules } = await lava();
	const out = path.join(folder, 'jobs');
	const hosts = ['--host', 'kvm,uniform', '--host', 'big=kvm,biglittle', '--shards', '2'];
	const made = await vpmu([
		...['jobs', 'lava', 'pmu/tcg-counts', '--machine', 'virt,virt-9.2', ...hosts, '--out', out],
		...['--setup', 'cd /opt/vpmu', '--publish', 'rsync -a "$VPMU_RUN" lab:'],
	]);
	t.is(made.status, 0, made.stderr);
	const check = (file: string) =>
		spawnSync('python3', [program, 'job', file], {
			...{ encoding: 'utf8', env: { ...userEnvironment(), PYTHONPATH: modules } },
		});
	for (const name of ['kvm-uniform-1', 'kvm-uniform-2', 'big-1', 'big-2']) {
		const { status, stdout, stderr } = check(path.join(out, `${name}.yaml`));
		t.is(status, 0, `${stdout}${stderr}`);
	}
	const wrong = path.join(folder, 'wrong.yaml');
	writeFileSync(wrong, readFileSync(path.join(out, 'big-1.yaml'), 'utf8').replace('method: ssh', 'methd: ssh'));
	const { status, stdout } = check(wrong);
	t.is(status, 1, stdout);
	t.regex(stdout, /invalid job definition/);
});
