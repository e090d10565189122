import test from 'ava';
import fc from 'fast-check';
import { CpuSet, parseCpuList, parseCpuListAsPatch } from './cpu-list.ts';

const ranges = fc.array(
	fc.tuple(fc.nat(5000), fc.nat(300)).map(([first, length]): [number, number] => [first, first + length]),
	{ maxLength: 12 },
);

test("the kernel's output is parsed and printed again", t => {
	for (const text of ['', '0', '0-3', '0-3,8', '0,2,4,6', '0-511', '1-2,4095']) {
		t.is(`${parseCpuList(`${text}\n`)}`, text);
		t.is(`${parseCpuList(text)}`, text);
	}
	t.is(`${parseCpuList('8,0-3,2-5')}`, '0-5,8');
	t.is(parseCpuList('0-1000000').size, 1_000_001);
});

for (const text of [
	'0-',
	'-1',
	'3-1',
	'0,,1',
	'0,',
	',',
	' 0',
	'0 ',
	'0x3',
	'0-3:1/2',
	'all',
	'1\n\n',
	'+1',
	'4294967296',
	'1.5',
	'０',
]) {
	test(`refused: ${JSON.stringify(text)}`, t => {
		const error = t.throws(() => parseCpuList(text), { name: 'UsageError' });
		t.true(error.message.includes(JSON.stringify(text)));
	});
}

test('sets behave like sets of numbers', t => {
	fc.assert(
		fc.property(ranges, ranges, (left, right) => {
			const [a, b] = [new CpuSet(left), new CpuSet(right)];
			const [inA, inB] = [new Set(a), new Set(b)];
			t.deepEqual(
				[...a.and(b)],
				[...inA.intersection(inB)].sort((x, y) => x - y),
			);
			t.deepEqual(
				[...a.or(b)],
				[...inA.union(inB)].sort((x, y) => x - y),
			);
			t.deepEqual(
				[...a.minus(b)],
				[...inA.difference(inB)].sort((x, y) => x - y),
			);
			t.is(a.covers(b), inB.isSubsetOf(inA));
			t.is(a.size, inA.size);
			t.deepEqual(parseCpuList(`${a}`), a);
		}),
		{ numRuns: 60 },
	);
});

test('both parsers agree on everything that the kernel prints', t => {
	fc.assert(
		fc.property(ranges, list => {
			const set = new CpuSet(list);
			t.deepEqual(parseCpuListAsPatch(`${set}\n`), { cpus: set });
		}),
		{ numRuns: 60 },
	);
});

test("the patch's parser is that of strtoul", t => {
	const read = (text: string) => {
		const reading = parseCpuListAsPatch(text);
		return 'cpus' in reading ? `${reading.cpus}` : 'refused' in reading ? 'refused' : 'fatal';
	};
	t.is(read('0x3'), '3');
	t.is(read('010'), '8');
	t.is(read('0,'), '0');
	t.is(read('0 1'), '0-1');
	t.is(read(' 5\n6'), '5');
	t.is(read('08'), '0,8', 'an octal number ends before the digit 8, which begins another number');
	t.is(read('+2'), '2');
	t.is(read('\n'), '');
	t.is(read('0,,1'), 'refused');
	t.is(read('3-1'), 'refused');
	t.is(read('1-'), 'refused');
	t.is(read('x'), 'refused');
	t.is(read('-1'), 'fatal');
	t.is(read('18446744073709551616'), 'fatal');
});
