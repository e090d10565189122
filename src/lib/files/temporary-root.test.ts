import test from 'ava';
import { temporaryRoot } from './temporary-root.ts';

test('TMPDIR is used, whatever characters it has that a path may have', t => {
	for (const folder of ['/tmp', `/tmp/${'x'.repeat(55)}`, '/a b/"q"/\'s\'/c,d/#e/é']) {
		t.deepEqual(temporaryRoot({ TMPDIR: folder }), { path: folder });
	}
	t.deepEqual(temporaryRoot({}), { path: '/tmp' });
	t.deepEqual(temporaryRoot({ TMPDIR: '' }), { path: '/tmp' });
});

test('a TMPDIR that sockets or logs cannot be in is replaced, with the reason', t => {
	t.deepEqual(temporaryRoot({ TMPDIR: `/${'é'.repeat(30)}`, XDG_RUNTIME_DIR: '/nowhere' }), {
		path: '/tmp',
		insteadBecause: 'is 61 bytes long, more than the 60 that Unix sockets allow',
	});
	for (const [folder, reason] of [
		['/a%d', /'%'/],
		// biome-ignore lint/suspicious/noTemplateCurlyInString: it is what ssh expands
		['/a${HOME}', /'\$\{'/],
		['/a\nb', /unreadable characters/],
		['relative', /not an absolute path/],
	] as const) {
		const { path: root, insteadBecause } = temporaryRoot({ TMPDIR: folder });
		t.is(root, '/tmp');
		t.regex(insteadBecause ?? '', reason);
	}
});

test('a writable runtime folder of the user is the first replacement', t => {
	t.is(temporaryRoot({ TMPDIR: `/${'x'.repeat(99)}`, XDG_RUNTIME_DIR: '/var/tmp' }).path, '/var/tmp');
	t.is(temporaryRoot({ TMPDIR: `/${'x'.repeat(99)}`, XDG_RUNTIME_DIR: `/${'y'.repeat(99)}` }).path, '/tmp');
});
