import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { unless } from '../../src/lib/testing/unless.ts';
import { debianSuites, topologyNames } from '../plan/select.ts';
import { commands, runCommandLine } from './index.ts';

async function scriptFor(shell: string): Promise<string> {
	const stdout = new PassThrough();
	const { signal } = new AbortController();
	const context = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), env: {}, cwd: '/', signal };
	await runCommandLine(['completion', shell], context);
	return String(stdout.read());
}

/** Returns what a shell offers for each command line, sorted. */
function offered(shell: string, input: string, t: { teardown(fn: () => void): void }): string[][] {
	const home = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(home, { recursive: true }));
	const argv = shell === 'bash' ? ['--norc'] : ['--no-config'];
	const env = { PATH: process.env.PATH!, HOME: home, VPMU_CACHE: path.join(home, 'cache') };
	const { stdout } = spawnSync(shell, argv, { input, env, cwd: home, encoding: 'utf8', timeout: 120_000 });
	return stdout.split(/^--$/m).map(lines => lines.split('\n').filter(Boolean).sort());
}

const withBoards = topologyNames().map(name => `board:${name}`);
const lines: readonly (readonly [line: string, whole: readonly string[]])[] = [
	['vpmu ', Object.keys(commands).sort()],
	['vpmu boa', ['board']],
	['vpmu board ', ['down', 'list', 'prune', 'ssh', 'up']],
	['vpmu board up ', topologyNames()],
	['vpmu run --reta', []],
	['vpmu run --retr', ['--retries', '--retry-failures']],
	['vpmu run --accel ', ['kvm', 'tcg']],
	['vpmu run pmu/default-c', ['pmu/default-counts']],
	['vpmu report --format j', ['json', 'junit']],
];

test('bash offers commands, actions, options, and their values', async t => {
	const beyondColon: typeof lines = [
		['vpmu run --on board:', topologyNames()],
		['vpmu run --on=board:u', ['uniform']],
		['vpmu run --qemu debian:', [...debianSuites].sort()],
	];
	const all = [...lines, ...beyondColon];
	const asked = all.map(
		([line]) => `COMP_LINE='${line}' COMP_POINT=${line.length} COMPREPLY=(); _vpmu 2>/dev/null
printf '%s\\n' "\${COMPREPLY[@]}"; echo --`,
	);
	const found = offered('bash', `${await scriptFor('bash')}\n${asked.join('\n')}\n`, t);
	for (const [index, [line, words]] of all.entries()) t.deepEqual(found[index], [...words], line);
});

const fish = ['/usr/bin/fish', '/usr/local/bin/fish'].find(existsSync);
unless(fish === undefined ? 'no fish on this machine' : undefined)('fish offers the same', async t => {
	const all = [...lines.slice(0, 4), ['vpmu run --on board:', withBoards] as const];
	const asked = all.map(([line]) => `complete -C '${line}' | cut -f 1; echo --`);
	const found = offered(fish!, `${await scriptFor('fish')}\n${asked.join('\n')}\n`, t);
	for (const [index, [line, words]] of all.entries()) t.deepEqual(found[index], [...words], line);
});

for (const shell of ['bash', 'zsh', 'fish']) {
	const file = ['/bin', '/usr/bin', '/usr/local/bin'].map(folder => path.join(folder, shell)).find(existsSync);
	unless(file === undefined ? `no ${shell} on this machine` : undefined)(`${shell} reads its script`, async t => {
		const { status, stderr } = spawnSync(file!, ['-n'], { input: await scriptFor(shell), encoding: 'utf8' });
		t.is(status, 0, stderr);
	});
}
