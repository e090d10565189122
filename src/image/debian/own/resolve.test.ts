import test from 'ava';
import { VpmuError } from '../../../lib/errors.ts';
import { dependenciesOf, fieldOf, firstMention } from './control.ts';
import { Resolver } from './resolve.ts';

/** An index, from lines such as `a 1 Depends: b (>= 2) | c; Provides: d`. */
function index(...lines: string[]): string {
	return lines
		.map(line => {
			const [, name, version, rest] = /^(\S+) (\S+) ?(.*)$/.exec(line)!;
			const fields = rest === '' ? [] : rest!.split('; ');
			return [`Package: ${name}`, `Version: ${version}`, 'Architecture: all', ...fields, ''].join('\n');
		})
		.join('\n');
}
const resolver = (...lines: string[]) => new Resolver([{ text: index(...lines), isPreferred: false }]);
const names = (one: Resolver, ...wanted: string[]) =>
	one
		.resolve(wanted)
		.map(({ name, version }) => `${name} ${version}`)
		.sort();

test('the first alternative that can be installed is taken, and none if one is there already', t => {
	const one = resolver(
		'a 1 Depends: x | b',
		'b 1',
		'c 1 Depends: d | b, e',
		'd 1 Depends: missing',
		'e 1 Depends: b | f',
		'f 1',
	);
	t.deepEqual(names(one, 'a'), ['a 1', 'b 1']);
	t.deepEqual(names(one, 'c'), ['b 1', 'c 1', 'e 1']);
	t.deepEqual(names(one, 'e', 'f'), ['e 1', 'f 1']);
});

test('what a failed alternative would have needed is not installed', t => {
	const one = resolver('a 1 Depends: b | c', 'b 1 Depends: d, e', 'd 1', 'e 1 Depends: missing', 'c 1');
	t.deepEqual(names(one, 'a'), ['a 1', 'c 1']);
});

test('a versioned dependency is met by a versioned provide only', t => {
	const lines = ['a 1 Depends: v (>= 2)', 'p 9 Provides: v', 'q 1 Provides: v (= 2)', 'r 1 Depends: v'];
	t.deepEqual(names(resolver(...lines), 'a'), ['a 1', 'q 1']);
	t.deepEqual(names(resolver(...lines, 'v 1'), 'r'), ['r 1', 'v 1'], 'the package of that name comes before providers');
});

test('providers are taken by priority, then the one that the index names last', t => {
	const lines = ['p 1 Provides: v; Priority: optional', 'q 1 Provides: v; Priority: optional'];
	t.deepEqual(names(resolver('a 1 Depends: v', ...lines), 'a'), ['a 1', 'q 1']);
	t.deepEqual(names(resolver('a 1 Depends: v', 'x 1 Suggests: q', ...lines), 'a'), ['a 1', 'p 1']);
	t.deepEqual(names(resolver('a 1 Depends: v', ...lines, 's 1 Provides: v; Priority: extra'), 'a'), ['a 1', 'q 1']);
});

test('a virtual package that is asked for means its only provider', t => {
	t.deepEqual(names(resolver('p 1 Provides: v'), 'v'), ['p 1']);
	t.throws(() => names(resolver('p 1 Provides: v', 'q 1 Provides: v'), 'v'), { message: 'Unable to locate package v' });
});

test('circles and Pre-Depends are followed once', t => {
	t.deepEqual(names(resolver('a 1 Pre-Depends: b', 'b 1 Depends: c:any', 'c 1 Depends: a'), 'a'), [
		'a 1',
		'b 1',
		'c 1',
	]);
});

test('a package that conflicts with a chosen one gives way to the next alternative', t => {
	const one = resolver('a 1 Depends: b, c | d', 'b 1', 'c 1 Conflicts: b', 'd 1');
	t.deepEqual(names(one, 'a'), ['a 1', 'b 1', 'd 1']);
});

test('the newest version of all suites is taken, unless one is preferred', t => {
	const base = index('a 1 Depends: b', 'b 5', 'c 5');
	const fixes = index('b 6');
	const backports = index('a 2~bpo Depends: b', 'c 4~bpo');
	const suites = (isPreferred: boolean) =>
		new Resolver([base, backports, fixes].map(text => ({ text, isPreferred: isPreferred && text === backports })));
	t.deepEqual(names(suites(false), 'a', 'c'), ['a 2~bpo', 'b 6', 'c 5']);
	t.deepEqual(names(suites(true), 'a', 'c'), ['a 2~bpo', 'b 6', 'c 4~bpo']);
});

test('what cannot be resolved is named', t => {
	const one = resolver('a 1 Depends: b (>= 2)', 'b 1');
	t.is(t.throws(() => one.resolve(['x']), { instanceOf: VpmuError }).message, 'Unable to locate package x');
	t.is(
		t.throws(() => one.resolve(['a']), { instanceOf: VpmuError }).message,
		'a : Depends: b (>= 2) but it is not installable',
	);
});

test('a chain as long as the index ends, and so do hostile names', t => {
	const long = resolver(...Array.from({ length: 5000 }, (_, at) => `p${at} 1 Depends: p${at + 1}`));
	t.throws(() => long.resolve(['p0']), { instanceOf: VpmuError });
	t.throws(() => resolver('../evil 1').resolve(['../evil']), { instanceOf: VpmuError });
});

test('fields are found by their own name, with continued lines', t => {
	const stanza = 'Package: a\nX-Depends: wrong\nDepends: b,\n c (= 1)\nDescription: Depends: d';
	t.is(fieldOf(stanza, 'Depends'), 'b,\nc (= 1)');
	t.is(fieldOf(stanza, 'Package'), 'a');
	t.is(fieldOf(stanza, 'Version'), '');
	t.deepEqual(dependenciesOf('a:any (>> 1) | b, c(<<2)'), [
		[{ name: 'a', relation: '>>', version: '1' }, { name: 'b' }],
		[{ name: 'c', relation: '<<', version: '2' }],
	]);
	t.is(firstMention('Package: ab\nDescription: b\nDepends: a-b, b', 'b'), 41);
});
