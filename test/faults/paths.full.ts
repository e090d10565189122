import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { commandFile } from '../../harness/usage/places.ts';
import { localHost } from '../../src/host/index.ts';
import { copyCache } from '../testing/cache.ts';
import { userEnvironment, type VpmuEnd } from '../testing/vpmu.ts';
import { type FaultSetting, fault } from './testing/fault.ts';

/*
 * Folders whose paths have in them what programs split, quote or expand, and folders that cannot be used. What ssh, QEMU, apt,
 * the dynamic loader and the shell make of a path is tried for real.
 */

const notRoot = process.getuid?.() === 0 ? undefined : 'needs root';

/** What ssh_config(5), QEMU's option lists and log names, apt.conf(5), URLs and the shell give a meaning to. */
const odd = `a b'c"d%e#f,g$h&i\\j*é`;

/** An environment in which every folder is an odd one. */
async function oddFolders({ folder }: FaultSetting): Promise<{ env: NodeJS.ProcessEnv; out: string }> {
	const [cache, temporary, home] = ['cache', 't', 'home'].map(name => path.join(folder, `${name} ${odd}`));
	for (const made of [temporary!, home!]) await mkdir(made, { mode: 0o700 });
	return {
		env: { VPMU_CACHE: await copyCache(cache!), TMPDIR: temporary!, HOME: home! },
		out: path.join(folder, `out ${odd}`, 'run'),
	};
}

fault('folders with odd characters', async setting => setting.run(['fault/boots'], await oddFolders(setting)));

fault('folders with odd characters, on a board', async setting =>
	setting.run(['pmu/default-counts', '--qemu', 'debian:trixie', '--on', 'board:uniform'], {
		...{ cases: null, ...(await oddFolders(setting)) },
	}),
);

fault('TMPDIR too long for sockets', async ({ run, folder }) => {
	const long = path.join(folder, 'x'.repeat(80));
	await mkdir(long);
	return await run(['fault/boots'], { env: { TMPDIR: long } });
});

fault(
	'/tmp read-only',
	async (_setting, t) => {
		const out = await mkdtemp('/var/tmp/vpmu-test-');
		t.teardown(() => rm(out, { recursive: true, force: true }));
		return await inReadOnlyTmp(['run', '--out', path.join(out, 'run'), 'fault/boots']);
	},
	notRoot,
);

async function inReadOnlyTmp(argv: readonly string[]): Promise<VpmuEnd> {
	await using host = localHost();
	const script = 'mount --bind /tmp /tmp && mount -o remount,ro,bind /tmp && exec "$@"';
	const { TMPDIR: _, ...env } = { ...userEnvironment(), VPMU_CASES: 'test/faults/testing/cases' } as NodeJS.ProcessEnv;
	const given = Object.entries(env).map(([name, value]) => `${name}=${value}`);
	const command = ['env', '-i', ...given, 'unshare', '-m', 'sh', '-c', script, 'sh', process.execPath, commandFile];
	const { status, stdout, stderr } = await host.run([...command, ...argv], { timeoutMs: 300_000 });
	return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

const inCache = (cache: string) => ({ env: { VPMU_CACHE: cache } });

fault(
	'cache of another user',
	async ({ run, folder }) => {
		const cache = path.join(folder, 'cache');
		await mkdir(cache, { mode: 0o700 });
		await chown(cache, 65_534, 65_534);
		return await run(['fault/boots'], inCache(cache));
	},
	notRoot,
);

fault('cache that others may write to', async ({ run, folder }) => {
	const cache = path.join(folder, 'cache');
	await mkdir(cache);
	await chmod(cache, 0o777);
	return await run(['fault/boots'], inCache(cache));
});

fault('cache that is a device', async ({ run }, _t: ExecutionContext) => run(['fault/boots'], inCache('/dev/null')));

fault('cache where no folder can be made', async ({ run }) => run(['fault/boots'], inCache('/proc/vpmu')));

fault('cache whose path the loader would split', async ({ run, folder }) =>
	run(['fault/boots'], inCache(path.join(folder, 'a:b'))),
);
