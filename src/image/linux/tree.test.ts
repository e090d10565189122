import test from 'ava';
import { treeName } from './tree.ts';

test('a tree is kept by the content of an archive, and by the name of a folder that is checked out elsewhere each time', t => {
	const nameOf = (path: string, more = {}) =>
		treeName({ name: 'x', path, archiveHash: undefined, ...more }, text => text);
	t.is(nameOf('/a', { archiveHash: 'abc' }), nameOf('/b', { archiveHash: 'abc' }));
	t.not(nameOf('/a'), nameOf('/b'));
	t.is(nameOf('/tmp/1', { keptAs: '/linux v6.12' }), nameOf('/tmp/2', { keptAs: '/linux v6.12' }));
});
