import test from 'ava';
import { authorText } from './author.ts';
import { type PatchMail, parseSeriesBase, parseSubject, selectSeries } from './index.ts';

interface Sketch {
	readonly subject: string;
	readonly id?: string;
	readonly answers?: readonly string[];
	readonly message?: string;
	readonly diff?: boolean;
	readonly file?: string;
}

const mail = ({ subject, id, answers = [], message = '', diff = true, file = 'box' }: Sketch): PatchMail => ({
	...{ file, subject, author: 'A. Person <a@example.org>', message },
	diff: Buffer.from(diff ? `diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-${subject}\n+x\n` : ''),
	headers: { messageId: id, answers, isFlowed: false },
});

const titles = (mails: readonly Sketch[]) =>
	selectSeries(mails.map(mail)).map(one => one.patches.map(patch => patch.title));

test('a subject gives the place in a series, in every form that git and patchwork write', t => {
	const read = (subject: string) => {
		const { isReply, isPatch, version, part, total, title } = parseSubject(subject);
		return [isReply, isPatch, version, part, total, title];
	};
	t.deepEqual(read('[PATCH] a: b'), [false, true, 1, undefined, undefined, 'a: b']);
	t.deepEqual(read('[PATCH RFC v3 01/12] a: b [c]'), [false, true, 3, 1, 12, 'a: b [c]']);
	t.deepEqual(read('[RFC,v3] a'), [false, true, 3, undefined, undefined, 'a']);
	t.deepEqual(read('[RFC PATCH for-11.1 v10 0/3] a'), [false, true, 10, 0, 3, 'a']);
	t.deepEqual(read('[Qemu-devel] [PATCHv2 2/3] a'), [false, true, 2, 2, 3, 'a']);
	t.deepEqual(read('Re: [PATCH v2] docs: a'), [true, true, 2, undefined, undefined, 'docs: a']);
	t.deepEqual(read('AW: RE: [PATCH] a'), [true, true, 1, undefined, undefined, 'a']);
	t.deepEqual(read('[Qemu-devel] Re: [PATCH] a'), [true, true, 1, undefined, undefined, 'a']);
	t.deepEqual(read('[PATCH 2/2] Re: a'), [false, true, 1, 2, 2, 'Re: a']);
	t.deepEqual(read('docs: rename'), [false, false, 1, undefined, undefined, 'docs: rename']);
	t.deepEqual(read(''), [false, false, 1, undefined, undefined, '']);
});

test('patches are sorted by number, without the cover letter', t => {
	const [series] = selectSeries(
		['[PATCH 2/2] two', '[PATCH 0/2] both', '[PATCH 1/2] one'].map(subject =>
			mail({ subject, diff: !subject.includes('0/') }),
		),
	);
	t.deepEqual(
		series!.patches.map(patch => patch.title),
		['one', 'two'],
	);
	t.is(series!.title, 'both');
	t.deepEqual(series!.notes, []);
});

test('a reply is left out and reported, with or without a patch prefix', t => {
	const series = selectSeries(
		[
			{ subject: '[PATCH] a', id: '1' },
			{ subject: 'Re: [PATCH] a', id: '2', answers: ['1'] },
			{ subject: 'what about this', id: '3', answers: ['1'] },
		].map(mail),
	);
	t.deepEqual(
		series.map(one => one.patches.map(patch => patch.title)),
		[['a']],
	);
	t.is(series[0]!.notes.filter(note => note.includes('is a reply')).length, 2);
});

test('the newest version wins, in one thread and across threads', t => {
	const versions = (link: readonly string[]) => [
		{ subject: '[PATCH 1/2] a', id: 'a1' },
		{ subject: '[PATCH 2/2] b', id: 'a2', answers: ['a1'] },
		{ subject: '[PATCH v2 1/2] a', id: 'b1', answers: link },
		{ subject: '[PATCH v2 2/2] c', id: 'b2', answers: ['b1'] },
	];
	t.deepEqual(titles(versions(['a1'])), [['a', 'c']]);
	t.deepEqual(titles(versions([])), [['a', 'c']]);
	t.deepEqual(titles([...versions([])].reverse()), [['a', 'c']]);
});

test('patches that a newer version does not resend are taken from the one before', t => {
	const [series] = selectSeries(
		[
			{ subject: '[PATCH 1/2] a', id: '1' },
			{ subject: '[PATCH 2/2] b', id: '2', answers: ['1'] },
			{ subject: '[PATCH v2 2/2] better b', id: '3', answers: ['2'] },
		].map(mail),
	);
	t.deepEqual(
		series!.patches.map(patch => patch.title),
		['a', 'better b'],
	);
	t.true(series!.notes.some(note => /sends only patch 2 again; patch 1 taken from version 1/.test(note)));
});

test('a change-id connects versions whose titles all differ', t => {
	t.deepEqual(
		titles([
			{ subject: '[PATCH] old name', message: 'change-id: 2026-x' },
			{ subject: '[PATCH v2] new name', message: 'change-id: 2026-x' },
		]),
		[['new name']],
	);
});

test('different series keep the given order, even with the same numbers', t => {
	t.deepEqual(
		titles([
			{ subject: '[PATCH 1/2] first', file: 'p1' },
			{ subject: '[PATCH 2/2] second', file: 'p2' },
			{ subject: '[PATCH v4 1/1] on top', file: 'm' },
			{ subject: '[PATCH 1/2] third', file: 'q1' },
			{ subject: '[PATCH 2/2] fourth', file: 'q2' },
		]),
		[['first', 'second'], ['on top'], ['third', 'fourth']],
	);
});

test('a mail that arrived twice counts once, and missing parts are reported', t => {
	const [series] = selectSeries(
		[
			{ subject: '[PATCH 1/3] a', id: '1' },
			{ subject: '[PATCH 1/3] a', id: '1' },
			{ subject: '[PATCH 3/3] c', id: '3', answers: ['1'] },
		].map(mail),
	);
	t.is(series!.patches.length, 2);
	t.deepEqual(series!.notes, ["patch 2 of 3 of 'a' is missing"]);
});

test('mails without any patch are refused by name', t => {
	t.throws(() => selectSeries([mail({ subject: 'Re: [PATCH] a', file: 'x.mbx' })]), {
		message: /no patch in 'x\.mbx'/,
	});
});

test('the base of a series is read from its trailers', t => {
	t.deepEqual(
		parseSeriesBase([
			'text\nbase-commit: 0123456789abcdef0123456789abcdef01234567\nBased-on: <a@b>\n',
			'prerequisite-patch-id: 99\nchange-id: c',
		]),
		{
			baseCommit: '0123456789abcdef0123456789abcdef01234567',
			basedOn: ['<a@b>'],
			prerequisites: ['prerequisite-patch-id: 99'],
			changeId: 'c',
		},
	);
});

test('an author is shown by what is known of the name and the address', t => {
	t.deepEqual(
		[
			['A. Person', 'a@example.org'],
			['A. Person', ''],
			['', 'a@example.org'],
			['', ''],
		].map(([name, email]) => authorText(name!, email!)),
		['A. Person <a@example.org>', 'A. Person', '<a@example.org>', ''],
	);
});
