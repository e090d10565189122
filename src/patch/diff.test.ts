import test from 'ava';
import { classifyPatchFile, nearestFit, parseDiff, parsePatchwork, refusalOf } from './index.ts';

test('a diff names its files: changed, new, removed, renamed, with blanks and quotes', t => {
	const files = parseDiff(
		[
			'text before',
			'diff --git a/x/a.c b/x/a.c\nindex 1..2 100644\n--- a/x/a.c\n+++ b/x/a.c\n@@ -1,2 +1,2 @@ int f(void)\n a\n-b\n+c\n@@ -9 +9 @@\n-z\n+y',
			'diff --git a/new b/new\nnew file mode 120000\nindex 0..1\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+../../etc\n\\ No newline at end of file',
			'diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-x',
			'diff --git a/p q b/p r\nsimilarity index 100%\nrename from p q\nrename to p r',
			'diff --git "a/\\303\\244" "b/\\303\\244"\nold mode 100644\nnew mode 100755',
			'diff --git a/blob b/blob\nindex 1..2 100644\nGIT binary patch\nliteral 3\nKcmZQzWXek|\n\nliteral 0\nHcmV?d00001\n',
			'--- a/plain\t2026-01-01\n+++ b/plain\t2026-01-02\n@@ -1 +1 @@\n-a\n+b\n-- \n2.39.5\n',
		].join('\n'),
	);
	t.deepEqual(
		files.map(file => [file.oldPath, file.newPath, file.newMode, file.isBinary, file.hunks.length]),
		[
			['x/a.c', 'x/a.c', undefined, false, 2],
			[undefined, 'new', '120000', false, 1],
			['old', undefined, undefined, false, 1],
			['p q', 'p r', undefined, false, 0],
			['ä', 'ä', '100755', false, 0],
			['blob', 'blob', undefined, true, 0],
			['plain', 'plain', undefined, false, 1],
		],
	);
	t.deepEqual(files[0]!.hunks[0], {
		...{ oldStart: 1, oldLines: ['a', 'b'], section: 'int f(void)' },
		context: { before: 1, after: 0 },
	});
});

for (const [name, why] of [
	['../x', /leads out of the tree/],
	['a/../../x', /leads out of the tree/],
	['/etc/passwd', /absolute path/],
	['.git/hooks/post-checkout', /lies in '\.git'/],
	['sub/.GIT/config', /lies in '\.git'/],
	['.git /config', /lies in '\.git'/],
	['git~1/config', /lies in '\.git'/],
] as const) {
	test(`a patch to ${name} is refused by name`, t => {
		const [file] = parseDiff(`--- a/ok\n+++ ${name.startsWith('/') ? name : `b/${name}`}\n@@ -1 +1 @@\n-a\n+b\n`);
		t.regex(refusalOf(file!) ?? '', why);
	});
}

test('ordinary names that look similar are allowed', t => {
	for (const name of ['.gitignore', '.gitlab-ci.d/a', 'a..b/c', 'x/...']) {
		const [file] = parseDiff(`--- a/${name}\n+++ b/${name}\n@@ -1 +1 @@\n-a\n+b\n`);
		t.is(refusalOf(file!), undefined, name);
	}
});

test('a hunk that does not fit is located where most of its lines match', t => {
	const content = Array.from({ length: 4000 }, (_, at) => `line ${at}`).join('\n');
	const oldLines = ['line 2000', 'line 2001', 'line two thousand and two', 'line 2003'];
	const hunk = { oldStart: 10, oldLines, context: { before: 1, after: 1 }, section: '' };
	t.deepEqual(nearestFit(content, hunk), {
		...{ line: 2001, equal: 3, of: 4, fuzz: undefined },
		differs: { at: 2003, expected: 'line two thousand and two', found: 'line 2002' },
	});
	t.is(nearestFit(content, { ...hunk, oldLines: ['no', 'such', 'lines'] }), undefined);
});

test('the kind of a file is decided by its content, and one without a patch is refused in a sentence', t => {
	const kind = (text: string) => classifyPatchFile('f', Buffer.from(text)).kind;
	t.is(kind('From 0 Mon\nSubject: x\n\n'), 'mails');
	t.is(kind('Return-Path: <a>\r\nSubject: x\r\n\r\n'), 'mails');
	t.is(kind(' {"name": 1}'), 'patchwork');
	t.is(kind('A subject\n\n--- a/f\n+++ b/f\n'), 'diff');
	t.throws(() => kind('no patch\n'), { message: /'f' contains no patch; allowed:/ });
	t.throws(() => kind(''), { message: "'f' is empty" });
	t.throws(() => classifyPatchFile('f', Buffer.from([0x1f, 0x8b, 1])), { message: "'f' is damaged gzip" });
});

test('patchwork records without a diff are refused, with where to find their text', t => {
	const listed = { patches: [{ name: '[1/1] a', mbox: 'https://patchwork.example/1/mbox/' }] };
	t.throws(() => parsePatchwork('s.json', JSON.stringify(listed)), {
		message: /'s\.json' \('\[1\/1\] a'\) has no string 'diff'; save its text from https:\/\/patchwork\.example/,
	});
	t.throws(() => parsePatchwork('s.json', '{"name": 7}'), { message: /is not a patchwork record/ });
	t.throws(() => parsePatchwork('s.json', '{'), { message: /is not valid JSON/ });
	const [mail] = parsePatchwork(
		'p.json',
		JSON.stringify({ name: '[v2] a', msgid: '<i@d>', content: 'why', diff: 'diff --git a/f b/f' }),
	);
	t.deepEqual(
		[mail!.subject, mail!.headers.messageId, mail!.message, `${mail!.diff}`],
		['[v2] a', 'i@d', 'why', 'diff --git a/f b/f\n'],
	);
});
