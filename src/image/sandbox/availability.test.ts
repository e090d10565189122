import test from 'ava';
import { isMapped } from './availability.ts';

test('an id is in a user namespace if a range of its map contains it', t => {
	t.true(isMapped('         0          0 4294967295\n', 60_646));
	t.true(isMapped('0 1000 1\n1 100000 65536\n', 60_646));
	t.false(isMapped('         0          0          1\n', 60_646));
	t.false(isMapped('0 1000 1\n60647 100000 10\n', 60_646));
	t.false(isMapped('', 60_646));
});
