import test from 'ava';
import fc from 'fast-check';
import { lastLinesOf, shorten, visible } from './foreign.ts';

test('characters that affect a terminal are shown instead', t => {
	for (const [text, shown] of [
		['plain text, ünïcödé, 日本語 and 👍\n\tindented', undefined],
		['\x1b]0;title\x07', '\\x1b]0;title\\x07'],
		['\x1b]52;c;cm0gLXJm\x07', '\\x1b]52;c;cm0gLXJm\\x07'],
		['\x1b[2J\x1b[H', '\\x1b[2J\\x1b[H'],
		['\u009b31m', '\\u009b31m'],
		['over\rwritten', 'over\\x0dwritten'],
		['a line of Windows\r\n', 'a line of Windows\n'],
		['a\bb\x7f', 'a\\x08b\\u007f'],
		['user\u202egpj.exe', 'user\\u202egpj.exe'],
		['\u2066isolated\u2069', '\\u2066isolated\\u2069'],
		['no\u200bthing\ufeff', 'no\\u200bthing\\ufeff'],
		['two\u2028lines\u2029', 'two\\u2028lines\\u2029'],
		['tag \u{e0041}', 'tag \\udb40\\udc41'],
		['half \ud800', 'half \\ud800'],
		['\0', '\\x00'],
	] as const) {
		t.is(visible(text), shown ?? text);
	}
});

const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test('whatever the input, no invisible characters remain but line feeds and tabs, and shown text is not changed again', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), text => {
			const shown = visible(text);
			t.false(unseen.test(shown.replaceAll(/[\n\t]/g, '')));
			t.is(visible(shown), shown);
			if (!unseen.test(text)) t.is(shown, text);
		}),
		{ numRuns: 500 },
	);
});

test('JSON has the same meaning afterwards', t => {
	fc.assert(
		fc.property(fc.json(), fc.string({ unit: 'binary' }), (json, text) => {
			t.deepEqual(JSON.parse(visible(json)), JSON.parse(json));
			t.is(JSON.parse(visible(JSON.stringify(text))), text);
		}),
		{ numRuns: 500 },
	);
});

test('long quotes are shortened, and marked as such', t => {
	t.is(shorten('abc', 3), 'abc');
	t.is(shorten('abcd', 3), 'abc... (4 characters)');
	t.deepEqual(lastLinesOf('a\r\n\n  \nb\nc\n', 2), ['b', 'c']);
	const [line, ...others] = lastLinesOf(`first\n${'x'.repeat(1e6)}`);
	t.deepEqual(others, []);
	t.true(line!.length < 1100);
});
