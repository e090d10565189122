import { execFile, execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { PatchRefused, parseRejects, refuseUnsafe, tryPatches } from './apply.ts';
import { type RunGit, readSeries } from './mails.ts';
import type { BlobOf } from './three-way.ts';

const env = {
	...{ PATH: process.env.PATH!, HOME: '/nonexistent', LC_ALL: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1' },
	...{
		GIT_AUTHOR_NAME: 'A. Pérson',
		GIT_AUTHOR_EMAIL: 'a@example.org',
		GIT_COMMITTER_NAME: 'C',
		GIT_COMMITTER_EMAIL: 'c@example.org',
	},
};

/** Runs the machine's git, without the sandbox of `vpmu series`. */
const runGit: RunGit = (script, work) =>
	new Promise(resolve => {
		execFile(
			'bash',
			['-c', script],
			{ cwd: work, env: { ...env, GIT_CEILING_DIRECTORIES: path.dirname(work) } },
			(error, stdout, stderr) => resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
		);
	});

async function folder(t: ExecutionContext): Promise<string> {
	const made = await mkdtemp(path.join(tmpdir(), 'vpmu-series-'));
	t.teardown(() => rm(made, { recursive: true, force: true }));
	return made;
}

const mail = (subject: string, body: string, headers: readonly string[] = []) =>
	[
		'From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001',
		...[
			'From: "A. Person" <a.person@example.org>',
			'Date: Wed, 25 Nov 2026 02:24:52 +0000',
			`Subject: ${subject}`,
			...headers,
		],
		...['', body, ''],
	].join('\n');

const diffOf = (before: string, after: string, file = 'f.c') =>
	`---\n ${file} | 2 +-\n\ndiff --git a/${file} b/${file}\n--- a/${file}\n+++ b/${file}\n@@ -1,3 +1,3 @@\n one\n-${before}\n+${after}\n three\n-- \n2.43.0\n`;

async function applied(
	t: ExecutionContext,
	files: Record<string, string | Buffer>,
	tree: Record<string, string>,
	blobOf?: BlobOf,
) {
	const work = await folder(t);
	const read = await readSeries(
		Object.entries(files).map(([name, text]) => ({ name, content: Buffer.from(text as string) })),
		work,
		runGit,
	);
	refuseUnsafe(read);
	for (const [name, text] of Object.entries(tree)) {
		await mkdir(path.dirname(path.join(work, 'source', name)), { recursive: true });
		await writeFile(path.join(work, 'source', name), text);
	}
	await tryPatches(
		read.flatMap(one => one.patches),
		work,
		'the tree',
		runGit,
		blobOf,
	);
	const result: Record<string, string> = {};
	for (const entry of await readdir(path.join(work, 'trial'), { recursive: true, withFileTypes: true })) {
		const place = path.join(entry.parentPath, entry.name);
		if (entry.isFile()) result[path.relative(path.join(work, 'trial'), place)] = await readFile(place, 'utf8');
	}
	return { series: read, result };
}

const tree = { 'f.c': 'one\ntwo\nthree\n' };

test('quoted-printable and base64 are decoded, in mails and in attachments', async t => {
	const body = diffOf('two', 'x = "é";');
	const quoted = body.replace(/=/g, '=3D').replaceAll('é', '=C3=A9');
	const encoded = (encoding: string) => [
		'MIME-Version: 1.0',
		'Content-Type: text/plain; charset="utf-8"',
		`Content-Transfer-Encoding: ${encoding}`,
	];
	const base64 = Buffer.from(body).toString('base64').replace(/.{76}/g, '$&\n');
	const attachment = [
		'--=-x\nContent-Type: text/plain; charset="utf-8"\n\nThe patch is attached.\n',
		`--=-x\nContent-Type: text/x-patch; name="1.patch"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n${base64}\n--=-x--`,
	].join('\n');
	for (const text of [
		mail('[PATCH] f: x', quoted, encoded('quoted-printable')),
		mail('[PATCH] f: x', base64, encoded('base64')),
		mail('[PATCH] f: x', attachment, ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="=-x"']),
	]) {
		const { result } = await applied(t, { 'x.eml': text.replaceAll('\n', '\r\n') }, tree);
		t.deepEqual(result, { 'f.c': 'one\nx = "é";\nthree\n' });
	}
});

test('a gzipped mailbox is read like the mailbox', async t => {
	const box = gzipSync(`${mail('[PATCH] f: x', diffOf('two', 'right'))}\n${mail('Re: [PATCH] f: x', 'Thanks.\n')}`);
	t.deepEqual((await applied(t, { 'thread.mbx.gz': box }, tree)).result, { 'f.c': 'one\nright\nthree\n' });
});

test('a mail that only adds an empty file, renames or changes a mode is a patch', async t => {
	const empty = 'diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n';
	const moved = 'diff --git a/f.c b/g.c\nsimilarity index 100%\nrename from f.c\nrename to g.c\n';
	const mode = 'diff --git a/g.c b/g.c\nold mode 100644\nnew mode 100755\n';
	const files = Object.fromEntries(
		[empty, moved, mode].map((diff, at) => [`${at}.patch`, mail(`[PATCH ${at + 1}/3] f: step ${at}`, diff)]),
	);
	t.deepEqual((await applied(t, files, tree)).result, { e: '', 'g.c': 'one\ntwo\nthree\n' });
});

test('an indented diff in the message is text', async t => {
	const text = mail(
		'[PATCH] f: x',
		`For example:\n\n    ${diffOf('two', 'wrong').replaceAll('\n', '\n    ')}\n${diffOf('two', 'right')}`,
	);
	t.deepEqual((await applied(t, { p: text }, tree)).result, { 'f.c': 'one\nright\nthree\n' });
});

test('from a mailbox with a reply only the patch is applied, and the reply is reported', async t => {
	const box = `${mail('[PATCH] f: x', diffOf('two', 'right'))}\n${mail('Re: [PATCH] f: x', diffOf('right', 'wrong'))}`;
	const { series, result } = await applied(t, { 'thread.mbx': box }, tree);
	t.deepEqual(result, { 'f.c': 'one\nright\nthree\n' });
	t.regex(series[0]!.notes.join(), /'thread\.mbx, mail 2' is a reply/);
});

test('a patch that does not apply is reported with file and hunk, and where it nearly fits', async t => {
	const files = {
		'a.patch': mail('[PATCH 1/2] f: first', diffOf('two', '2')),
		'b.patch': mail('[PATCH 2/2] f: second', diffOf('two', '3')),
	};
	const error = await t.throwsAsync(applied(t, files, tree), { instanceOf: PatchRefused });
	t.regex(error!.message, /^patch 2 'f: second' \(b\.patch\) does not apply to the tree: 1 hunk does not fit\n/);
	t.deepEqual(error!.details, [
		"f.c, hunk 1 of 1 (line 1): nearly fits at line 1 (2 of 3 lines): line 2 is '2', not 'two'",
		'a three-way merge cannot be tried: the source is not a git tree, so the files that the patch was made for are not here',
	]);
	const moved = { 'c.patch': mail('[PATCH] f: third', diffOf('two', '2')) };
	const fuzzy = await t.throwsAsync(applied(t, moved, { 'f.c': 'zero\ntwo\nthree\n' }), { instanceOf: PatchRefused });
	t.regex(fuzzy!.message, /: 1 hunk fits only with fuzz, which 'git am' does not allow\n/);
	t.is(
		fuzzy!.details[0],
		"f.c, hunk 1 of 1 (line 1): fits only with fuzz 1 at line 1 (2 of 3 lines): line 1 is 'zero', not 'one'",
	);
	const other = { 'c.patch': mail('[PATCH] g: x', diffOf('a', 'b', 'g.c')) };
	await t.throwsAsync(applied(t, other, tree), {
		message: /1 file cannot be patched\n {2}g\.c: No such file or directory/,
	});
	const flowed = mail('[PATCH] f: x', diffOf('zwei', '2'), ['Content-Type: text/plain; charset=utf-8; format=flowed']);
	await t.throwsAsync(applied(t, { 'd.patch': flowed }, tree), { message: /sent as format=flowed/ });
	const twice = { 'e.patch': mail('[PATCH] f: x', diffOf('zwei', 'two')) };
	await t.throwsAsync(applied(t, twice, tree), { message: /is applied already$/ });
});

test('a patch that does not apply is merged three-way if the blobs that it was made for are known', async t => {
	const base = `${Array.from({ length: 20 }, (_, at) => `line ${at}`).join('\n')}\n`;
	const patched = base.replace('line 9\n', 'line 9 of the patch\n');
	const place = await folder(t);
	const git = (...argv: string[]) => execFileSync('git', argv, { cwd: place, env, encoding: 'utf8' });
	git('init', '-q');
	await writeFile(path.join(place, 'f[1].c'), base);
	git('add', '-A');
	git('commit', '-qm', 'base');
	await writeFile(path.join(place, 'f[1].c'), patched);
	const patch = { 'a.patch': mail('[PATCH] f: x', git('diff')) };
	const blobOf: BlobOf = async name => execFileSync('git', ['cat-file', 'blob', name], { cwd: place, env });
	// Its context differs, what it changes does not.
	const moved = { 'f[1].c': base.replace('line 7\n', 'line 7 and more\n') };
	const merges = await t.throwsAsync(applied(t, patch, moved, blobOf), { instanceOf: PatchRefused });
	t.is(merges!.details.at(-1), "f[1].c: a three-way merge succeeds: 'git am --3way' applies the patch to this tree");
	const changed = { 'f[1].c': base.replace('line 9\n', 'line 9 of the tree\n') };
	const conflicts = await t.throwsAsync(applied(t, patch, changed, blobOf), { instanceOf: PatchRefused });
	t.deepEqual(conflicts!.details.slice(1), [
		'f[1].c: a three-way merge leaves 1 conflict',
		'  at line 10:',
		'    <<<<<<< the tree',
		'    line 9 of the tree',
		'    ||||||| what the patch was made for',
		'    line 9',
		'    =======',
		'    line 9 of the patch',
		'    >>>>>>> the patch',
	]);
	const lacks = await t.throwsAsync(
		applied(t, patch, changed, async () => undefined),
		{ instanceOf: PatchRefused },
	);
	t.regex(lacks!.details.at(-1)!, /^f\[1\]\.c: no three-way merge: the git tree lacks blob [0-9a-f]{7,}, which/);
});

for (const [what, patch, message] of [
	['a path with ..', diffOf('two', 'x', '../f.c'), /is refused: '\.\.\/f\.c' leads out of the tree/],
	['.git', diffOf('two', 'x', '.git/config'), /is refused: '\.git\/config' lies in '\.git'/],
	[
		'an absolute path',
		'diff --git a/f b/f\n--- /dev/null\n+++ /etc/cron.d/x\n@@ -0,0 +1 @@\n+x\n',
		/is refused: '\/etc\/cron\.d\/x' is an absolute path/,
	],
	[
		'a link out of the tree',
		'diff --git a/l b/l\nnew file mode 120000\nindex 0000000..1111111\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+../../etc/passwd\n\\ No newline at end of file\n',
		/is refused: link 'l' leads out of the tree, to '\.\.\/\.\.\/etc\/passwd'/,
	],
] as const) {
	test(`a patch with ${what} is refused by name`, async t => {
		await t.throwsAsync(applied(t, { 'evil.patch': mail('[PATCH] evil', patch) }, tree), { message });
	});
}

test("git's output about refused hunks is parsed file by file", t => {
	const said = [
		'Checking patch f.c...',
		'error: while searching for:',
		'error: patch failed: f.c:1',
		'Applying patch f.c with 1 reject...',
		'Hunk #1 applied cleanly.',
		'Rejected hunk #2.',
		'error: g.c: No such file or directory',
	].join('\n');
	t.deepEqual(parseRejects(said), [
		{ file: 'f.c', rejected: [2], reason: '' },
		{ file: 'g.c', rejected: [], reason: 'No such file or directory' },
	]);
});

/** A history of small commits: files are changed, added, removed, renamed, made executable, or binary. */
const change = fc.record({
	kind: fc.constantFrom('change', 'change', 'add', 'remove', 'rename', 'mode', 'binary'),
	file: fc.constantFrom('a.c', 'dir/b.txt', 'dir/ä ö.c'),
	text: fc.array(fc.constantFrom('alpha', 'beta = 1;', '\ttab', '-- ', '--- x', 'From me', 'é=3D', '.', 'diff -u'), {
		minLength: 1,
		maxLength: 6,
	}),
	subject: fc.constantFrom('area: do x', 'ä: ünïcode', 'v2: odd [brackets] here', 'Re: not a reply'),
	body: fc.constantFrom(
		'',
		'Why.',
		'    diff --git a/a.c b/a.c\n    --- a/a.c\n    +++ b/a.c\n    @@ -1 +1 @@\n    -x\n    +y',
		'key=value é',
	),
});

test('generated series are read like git am reads them', async t => {
	await fc.assert(
		fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), fc.boolean(), async (changes, inOneBox) => {
			const place = await mkdtemp(path.join(tmpdir(), 'vpmu-series-'));
			try {
				const origin = path.join(place, 'origin');
				const git = (cwd: string, ...argv: string[]) => execFileSync('git', argv, { cwd, env, stdio: 'pipe' });
				await mkdir(path.join(origin, 'dir'), { recursive: true });
				git(origin, 'init', '-q', '-b', 'main');
				for (const name of ['a.c', 'dir/b.txt', 'dir/ä ö.c'])
					await writeFile(path.join(origin, name), 'first\nsecond\nthird\n');
				git(origin, 'add', '-A');
				git(origin, 'commit', '-q', '-m', 'base');
				const base = git(origin, 'rev-parse', 'HEAD').toString().trim();
				await cp(origin, path.join(place, 'judge'), { recursive: true });
				for (const [at, { kind, file, text, subject, body }] of changes.entries()) {
					const at2 = path.join(origin, file);
					const content = `first\n${text.join('\n')}\nthird\n`;
					if (kind === 'binary') await writeFile(path.join(origin, `blob${at}`), Buffer.from([0, 1, 2, at, 255, 0]));
					else if (kind === 'add') await writeFile(path.join(origin, `new${at}.c`), content);
					else if (kind === 'remove') await rm(at2, { force: true });
					else if (kind === 'rename') git(origin, 'mv', '-k', file, `${file}${at}`);
					else if (kind === 'mode') await chmod(at2, 0o755).catch(() => undefined);
					else await writeFile(at2, content);
					git(origin, 'add', '-A');
					git(origin, 'commit', '-q', '--allow-empty', '-m', `${subject} ${at}${body === '' ? '' : `\n\n${body}`}`);
				}
				const out = path.join(place, 'mails');
				git(origin, 'format-patch', '-q', '-v3', '--always', '--numbered', '--cover-letter', `-o${out}`, base);
				const names = (await readdir(out)).sort();
				const contents = await Promise.all(names.map(name => readFile(path.join(out, name))));
				git(path.join(place, 'judge'), 'am', '-q', '--empty=drop', ...names.map(name => path.join(out, name)));
				const work = path.join(place, 'work');
				await mkdir(work);
				const files = inOneBox
					? [{ name: 'box', content: Buffer.concat(contents) }]
					: names.map((name, at) => ({ name, content: contents[at]! }));
				const series = await readSeries(files, work, runGit).catch(error => {
					// A series of empty commits alone.
					if (/no patch in/.test(error.message) && git(origin, 'diff', '--raw', base).length === 0) return [];
					throw error;
				});
				git(place, 'clone', '-q', origin, path.join(work, 'source'));
				git(path.join(work, 'source'), 'reset', '-q', '--hard', base);
				const patches = series.flatMap(one => one.patches);
				if (patches.length === 0) return;
				await tryPatches(patches, work, 'the tree', runGit);
				for (const at of patches.keys()) {
					execFileSync('git', ['apply', '-p1', path.join(work, 'diffs', `${at}.diff`)], {
						cwd: path.join(work, 'source'),
						env,
						stdio: 'pipe',
					});
				}
				git(path.join(work, 'source'), 'add', '-A');
				const mine = git(path.join(work, 'source'), 'write-tree').toString();
				t.is(mine, git(path.join(place, 'judge'), 'rev-parse', 'HEAD^{tree}').toString());
			} finally {
				await rm(place, { recursive: true, force: true });
			}
		}),
		{ numRuns: 12 },
	);
});
