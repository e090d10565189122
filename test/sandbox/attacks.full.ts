import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, globSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { buildRoot, hostArchitecture, openCache } from '../../src/image/index.ts';
import { temporaryFolder } from '../testing/vpmu.ts';
import { attacks } from './attacks.ts';

const suite = 'trixie';
const packages = ['bash', 'coreutils', 'findutils', 'libc-bin', 'grep', 'python3-minimal', 'libpython3-stdlib'];
/** A user that owns only its own copy of what the suite needs. */
const plainId = 60_701;

interface Line {
	readonly name: string;
	readonly held: boolean;
	readonly reached: string;
	readonly seen: string;
}

/** Runs the suite as a user, by default the current one. */
async function runAttacks(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<Line[]> {
	const script = path.join(import.meta.dirname, 'attack-run.ts');
	const [program, ...rest] = [...argv, process.execPath, '--disable-warning=ExperimentalWarning', script];
	const child = spawn(program!, [...rest, env.ATTACK_ROOT!, env.ATTACK_FOLDER!], {
		env: { ...process.env, ...env },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const output = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr'] as const) {
		child[name].setEncoding('utf8').on('data', text => {
			output[name] += text;
		});
	}
	const status = await new Promise(resolve => child.once('close', resolve));
	if (status !== 0) throw new Error(`the attacks ended with status ${status}: ${output.stderr.slice(-2000)}`);
	return output.stdout
		.trim()
		.split('\n')
		.map(line => JSON.parse(line));
}

test.serial('no attack leaves the sandbox, neither as root nor as a plain user', async t => {
	t.timeout(1_500_000);
	const folder = await temporaryFolder(t);
	const cache = await openCache({ env: process.env });
	const root = await buildRoot(cache, 'attack', [{ suite, architecture: hostArchitecture(), packages }]);
	// Leave out the number of links, which changes when a cache is copied with 'cp --link'.
	const inode = (folder: string) => statSync(path.join(folder, 'usr/bin/bash'), { throwIfNoEntry: false })?.ino;
	const unpacked = globSync(path.join(cache.folder('packages'), 'bash_*'), { exclude: ['**/*.json'] });
	t.true(unpacked.length > 0 && inode(root.folder) !== undefined);
	for (const folder of unpacked)
		t.not(inode(folder), inode(root.folder), 'a root file system shares no file with the packages');
	const rows = new Map<string, string[]>();
	const who = process.getuid?.() === 0 ? ['root', 'plain'] : ['plain'];
	for (const user of who) {
		const own = path.join(folder, user);
		mkdirSync(own);
		let env: Record<string, string> = { ATTACK_ROOT: root.folder, ATTACK_FOLDER: own, leaked: 'leaked' };
		let argv: string[] = [];
		if (user === 'plain' && who.length > 1) {
			// A copy of the part of the cache that the suite uses, readable by that user.
			const copy = path.join(own, 'cache');
			for (const place of ['packages/pins', 'roots']) mkdirSync(path.join(copy, place), { recursive: true });
			cpSync(path.join(cache.root, 'packages/pins'), path.join(copy, 'packages/pins'), { recursive: true });
			for (const name of readdirSync(path.join(cache.root, 'roots')).filter(one => /^(bwrap|attack)-/.test(one))) {
				cpSync(path.join(cache.root, 'roots', name), path.join(copy, 'roots', name), {
					recursive: true,
					verbatimSymlinks: true,
				});
			}
			chmodSync(folder, 0o711);
			spawnSync('chown', ['-R', `${plainId}:${plainId}`, own]);
			env = {
				...env,
				VPMU_CACHE: copy,
				ATTACK_ROOT: path.join(copy, 'roots', path.basename(root.folder)),
				HOME: own,
				TMPDIR: own,
			};
			argv = ['setpriv', `--reuid=${plainId}`, `--regid=${plainId}`, '--clear-groups'];
		}
		const lines = await runAttacks(argv, env);
		t.deepEqual(
			lines.map(line => line.name),
			attacks.map(attack => attack.name),
		);
		for (const line of lines) {
			rows.set(line.name, [
				...(rows.get(line.name) ?? []),
				line.held ? `refused${line.reached === '' ? '' : ` (${line.reached})`}` : 'ESCAPED',
			]);
		}
		const escaped = lines.filter(line => !line.held);
		t.deepEqual(escaped, [], user);
		rmSync(own, { recursive: true, force: true });
	}
	t.log(['attack | ', who.map(user => `as ${user}`).join(' | ')].join(''));
	for (const [name, results] of rows) t.log(`${name} | ${results.join(' | ')}`);
});
