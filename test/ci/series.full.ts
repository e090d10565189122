import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { writeFakeSource } from '../testing/fake-source.ts';
import { temporaryFolder, userEnvironment } from '../testing/vpmu.ts';

const root = path.resolve(import.meta.dirname, '../..');
const recipe = async (name: string) => parse(await readFile(path.join(root, 'docs/ci', name), 'utf8'));

/** A clean folder with a git tree of a fake QEMU (a base and a topic of one commit), and programs that the recipes use. */
async function workspace(t: ExecutionContext, change: string) {
	const folder = await temporaryFolder(t);
	const tree = path.join(folder, 'tree');
	const [bin, home] = [path.join(folder, 'bin'), path.join(folder, 'home')];
	for (const made of [bin, home]) await mkdir(made);
	await writeFakeSource(tree, '0');
	const env = {
		...userEnvironment(),
		...{ HOME: home, PATH: `${bin}:${process.env.PATH}`, RUNNER_TEMP: folder, VPMU_OPTIONS: '--build-only' },
		...{ GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@b' },
		VPMU_CACHE: process.env.VPMU_CACHE ?? path.join(process.env.HOME!, '.cache/vpmu'),
	};
	const git = (...argv: string[]) => execFileSync('git', argv, { cwd: tree, env, encoding: 'utf8' }).trim();
	git('init', '-q', '-b', 'main');
	git('add', '-A');
	git('commit', '-q', '-m', 'base');
	const base = git('rev-parse', 'HEAD');
	await writeFakeSource(tree, change);
	git('commit', '-q', '-a', '-m', 'target/arm: change what main returns');
	const tip = git('rev-parse', 'HEAD');
	const mails = path.join(folder, 'mails.mbx');
	await writeFile(mails, `${git('format-patch', '--stdout', base)}\n`);
	git('checkout', '-q', base);
	// What the steps before have installed.
	await symlink(path.join(root, 'harness/bin.mjs'), path.join(bin, 'vpmu'));
	return { tree, env, base, tip, mails };
}

/** Runs a step as the engine does: by bash, which ends at the first command that fails. */
async function run(script: string, cwd: string, env: Readonly<Record<string, string | undefined>>) {
	const child = spawn('bash', ['-eo', 'pipefail', '-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
	const [stdout, stderr, [status]] = await Promise.all([
		Array.fromAsync(child.stdout),
		Array.fromAsync(child.stderr),
		once(child, 'close') as Promise<[number | null]>,
	]);
	return { status, output: Buffer.concat([...stdout, ...stderr]).toString() };
}

interface Step {
	readonly name?: string;
	readonly run?: string;
	readonly if?: string;
	readonly env?: Readonly<Record<string, string>>;
}

test.serial(
	"GitHub's recipe validates a pull request and mails, and fails for a series that does not compile",
	async t => {
		const steps: Step[] = (await recipe('github-series.yml')).jobs.series.steps;
		const named = (name: string) => {
			const step = steps.find(one => one.name === name);
			t.truthy(step?.run, `no step '${name}'`);
			return step!.run!;
		};
		const good = await workspace(t, '1');
		const runStep = (name: string, more: Readonly<Record<string, string>>, place = good) =>
			run(named(name), place.tree, { ...place.env, ...more });
		t.is((await runStep('prepare the tree', {})).status, 0);
		const request = await runStep('validate the pull request', { BASE: good.base, TIP: good.tip });
		t.is(request.status, 0, request.output);
		t.regex(request.output, /series: target\/arm: change what main returns, 1 patch\n/);
		const fetched = await runStep('fetch the mails', { MBOX: `file://${good.mails}` });
		t.is(fetched.status, 0, fetched.output);
		const mails = await runStep('validate the mails', {});
		t.is(mails.status, 0, mails.output);
		t.regex(mails.output, /series: target\/arm: change what main returns, 1 patch\n/);
		const bad = await workspace(t, 'nothing');
		t.is((await runStep('prepare the tree', {}, bad)).status, 0);
		const broken = await runStep('validate the pull request', { BASE: bad.base, TIP: bad.tip }, bad);
		t.is(broken.status, 1, broken.output);
		t.regex(
			broken.output,
			/does not compile with patch 1 'target\/arm: change what main returns'.*error: 'nothing' undeclared/,
		);
		// Each value of the event reaches a script by its environment only, where no shell reads it as text.
		for (const step of steps) t.notRegex(step.run ?? '', /\$\{\{/);
	},
);

test.serial("GitLab's recipe validates a merge request and mails", async t => {
	const script = ((await recipe('gitlab-series.yml'))['vpmu-series'].script as string[]).join('\n');
	const { tree, env, base, tip, mails } = await workspace(t, '2');
	const both = { ...env, CI_MERGE_REQUEST_DIFF_BASE_SHA: base, CI_COMMIT_SHA: tip };
	const request = await run(script, tree, both);
	t.is(request.status, 0, request.output);
	t.regex(request.output, /series: target\/arm: change what main returns, 1 patch\n/);
	const mailed = await run(script.replaceAll('/tmp/series.mbx', '"$RUNNER_TEMP/s.mbx"'), tree, {
		...both,
		MBOX: `file://${mails}`,
	});
	t.is(mailed.status, 0, mailed.output);
	t.regex(mailed.output, /series: target\/arm: change what main returns, 1 patch\n/);
});

test('the recipes run for changes to the same folders of QEMU', async t => {
	const [github, gitlab] = [await recipe('github-series.yml'), await recipe('gitlab-series.yml')];
	const folders = (list: readonly string[]) => list.map(name => name.replace(/\/\*\*.*$/, ''));
	t.deepEqual(folders(github.on.pull_request.paths), folders(gitlab['vpmu-series'].rules[0].changes as string[]));
});
