import test from 'ava';
import fc from 'fast-check';
import { parseJson, stringifyJson } from './json.ts';

test('integers beyond 2^53 are bigint both ways, to the last digit', t => {
	for (const digits of ['18446744073709551615', '9223372036854775807', '-9223372036854775808', '9007199254740993']) {
		t.is(parseJson(digits), BigInt(digits));
		t.is(stringifyJson(BigInt(digits)), digits);
		t.deepEqual(parseJson(`{"a":[${digits}]}`), { a: [BigInt(digits)] });
	}
	t.is(parseJson('9007199254740991'), 9007199254740991);
	t.is(parseJson('1000000000000000'), 1e15);
});

test('digits in a string stay a string, and a member named __proto__ stays a member', t => {
	const value = parseJson('{"__proto__":18446744073709551615,"b":"18446744073709551615"}') as object;
	t.deepEqual(Object.entries(value), [
		['__proto__', 18446744073709551615n],
		['b', '18446744073709551615'],
	]);
	t.is(stringifyJson(value), '{"__proto__":18446744073709551615,"b":"18446744073709551615"}');
});

test('a number beyond the range of a double is refused, not rounded to infinity', t => {
	t.throws(() => parseJson('{"a":1e400}'), { instanceOf: SyntaxError, message: /1e400/ });
	t.throws(() => parseJson('inf'), { instanceOf: SyntaxError });
	t.throws(() => stringifyJson({ a: Number.NaN }), { instanceOf: TypeError, message: /'a' is NaN/ });
	t.throws(() => stringifyJson({ a: Number.POSITIVE_INFINITY }), { instanceOf: TypeError });
});

test('an integer that may have been rounded is refused on request, else it stays a double', t => {
	const refuse = { unsafeIntegers: 'refuse' } as const;
	t.throws(() => stringifyJson({ size: 2 ** 64 }, refuse), { message: /'size'.*18446744073709551616n/ });
	t.is(stringifyJson({ size: 2 ** 53 - 1 }, refuse), '{"size":9007199254740991}');
	t.is(parseJson(stringifyJson(1e20)), 1e20);
});

test('indents', t => {
	t.is(stringifyJson({ a: [1n] }, { indent: 2 }), '{\n  "a": [\n    1\n  ]\n}');
});

test('what is written is read back equal', t => {
	const { value } = fc.letrec(tie => ({
		value: fc.oneof(
			{ depthSize: 'small' },
			fc.constantFrom(null, true, false),
			fc.string({ unit: 'binary' }),
			fc.double({ noNaN: true, noDefaultInfinity: true }),
			fc.integer(),
			fc.bigInt().filter(big => !Number.isSafeInteger(Number(big))),
			fc.array(tie('value')),
			fc.dictionary(fc.string(), tie('value')),
		),
	}));
	fc.assert(
		fc.property(value, fc.constantFrom({}, { indent: 1 }), (original, options) => {
			const text = stringifyJson(original, options);
			t.deepEqual(parseJson(text), plain(original));
		}),
		{ numRuns: 300 },
	);
});

/** fast-check's dictionaries have no prototype; parsed ones do. */
function plain(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(plain);
	if (typeof value !== 'object' || value === null) return value;
	return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}
