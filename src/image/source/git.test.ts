import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { checkBase, checkOrder } from './base.ts';
import { blobsOf, readGitRange } from './git.ts';

const env = {
	...{ PATH: process.env.PATH!, HOME: '/nonexistent', LC_ALL: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1' },
	...{ GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_COMMITTER_NAME: 'C', GIT_COMMITTER_EMAIL: 'c@d' },
};
const none = { baseCommit: undefined, basedOn: [], prerequisites: [], changeId: undefined };

test('a range, blobs and bases are read unchanged from a repository, whatever their encoding', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-git-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const git = (...argv: string[]) => execFileSync('git', argv, { cwd: folder, env, encoding: 'utf8' }).trim();
	git('init', '-q', '-b', 'main');
	const content = Buffer.concat([Buffer.from('Größe → ✓\n'), Buffer.from([0xe9, 0x0a])]);
	await writeFile(path.join(folder, 'f'), 'one\n');
	git('add', '-A');
	git('commit', '-qm', 'base');
	const base = git('rev-parse', 'HEAD');
	await writeFile(path.join(folder, 'f'), content);
	git('commit', '-qam', 'f: change\n\nMessage-Id: <20261125-x-1-abc@example.org>\nChange-Id: none');
	const tip = git('rev-parse', 'HEAD');

	const range = await readGitRange(folder, `${base}..main`);
	t.is(range.base, base);
	t.true(range.patches.content.includes(Buffer.concat([Buffer.from('+Größe → ✓\n+'), Buffer.from([0xe9, 0x0a])])));
	const blobOf = blobsOf(folder);
	t.deepEqual(await blobOf(git('rev-parse', 'HEAD:f').slice(0, 9)), content);
	t.is(await blobOf('0123456789'), undefined);
	t.is(await blobOf('--help'), undefined);

	const patchId = execFileSync('sh', ['-c', 'git show | git patch-id --stable'], {
		cwd: folder,
		env,
		encoding: 'utf8',
	});
	const short = git('rev-parse', '--short', 'HEAD');
	t.deepEqual(
		await checkBase(folder, {
			...none,
			baseCommit: base,
			basedOn: ['<20261125-x-1-abc@example.org>', '20261125-y@example.org ("other")'],
			prerequisites: [`prerequisite-patch-id: ${patchId.split(' ')[0]}`, `prerequisite-patch-id: ${'0'.repeat(40)}`],
		}),
		[
			`'${folder}' is 1 commit ahead of the base-commit`,
			`Based-on 20261125-x-1-abc@example.org is in '${folder}' as ${short} (f: change)`,
			`prerequisite patch ${patchId.slice(0, 12)} is in '${folder}' as ${short} (f: change)`,
			`prerequisite patch 000000000000 is not among the last 2000 commits of '${folder}': apply it first, by naming its mails before the series`,
		],
	);
	t.deepEqual(await checkBase(folder, { ...none, baseCommit: tip }, base), [
		`${base.slice(0, 12)} of '${folder}' is 0 commits ahead of the base-commit and lacks 1 of its history`,
	]);
});

test('a series that is needed first is found among those that are applied before', t => {
	const of = (title: string, messageIds: readonly string[]) => ({ title, messageIds }) as never;
	const earlier = [of('first', ['<a-1@example.org>', '<a-2@example.org>']), of('second', ['b@example.org'])];
	const base = { ...none, basedOn: ['<a-2@example.org>', 'b@example.org', '<c@example.org>'] };
	t.deepEqual(checkOrder(base, earlier), [
		"Based-on a-2@example.org is 'first', which is applied first",
		"Based-on b@example.org is 'second', which is applied first",
	]);
});
