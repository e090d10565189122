import test from 'ava';
import { CommandTable, encodeNumber } from './commands.ts';

test('ids are unique and short, and concurrent ones differ in more than one character', t => {
	const table = new CommandTable(8);
	const ids = Array.from({ length: 230_000 }, () => table.makeId());
	t.is(new Set(ids).size, ids.length);
	t.is(ids[0]?.length, 6);
	t.is(ids.at(-1)?.length, 7);
	t.is(new Set(ids.map(id => id.slice(0, 3))).size, 1);
	for (let number = 0; number < 10_000; number++) {
		for (let ahead = 1; ahead <= 16; ahead++) {
			const [a, b] = [encodeNumber(number), encodeNumber(number + ahead)];
			const same = [...a].filter((character, index) => character === b[index]).length;
			if (same > 1) t.fail(`${a} and ${b}`);
		}
	}
});
