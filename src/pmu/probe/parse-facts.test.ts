import test from 'ava';
import { bigLittle, none } from '../testing/facts.ts';
import { parseHostFacts } from './parse-facts.ts';

test('facts that were printed are read back', t => {
	for (const facts of [bigLittle, none, { ...none, eventSources: { error: 'EACCES' } }]) {
		t.deepEqual(parseHostFacts(JSON.stringify(facts), 'facts.json'), facts);
	}
	t.notThrows(() => parseHostFacts(JSON.stringify({ ...none, newer: 1 }), 'facts.json'));
});

const wrong: readonly [title: string, path: readonly (string | number)[], value: unknown, sentence: RegExp][] = [
	['another schema', ['schema'], 'vpmu-facts/9', /'schema' in f\.json is "vpmu-facts\/9", but must be "vpmu-facts\/1"/],
	['no kernel', ['kernel'], undefined, /'kernel' in f\.json is missing, but must be an object/],
	['possible as a string', ['cpus', 'possible'], '0-3', /'cpus\.possible' in f\.json is "0-3", but must be \{"text"/],
	['text and error', ['cpus', 'online'], { text: '', error: 'EIO' }, /'cpus\.online'/],
	['an answer', ['kvm', 'setPmu'], true, /'kvm\.setPmu' in f\.json is true, but must be "yes", "no" or/],
	['a source', ['eventSources', 2, 'type'], 10, /'eventSources\[2\]\.type' in f\.json is 10/],
	['sources', ['eventSources'], null, /'eventSources' in f\.json is null, but must be a list/],
	['midr', ['cpus', 'midr'], { 0: 5 }, /'cpus\.midr\.0'/],
	['simulated', ['simulated'], [1], /'simulated'/],
	[
		'default counts',
		['kvm', 'defaultCounts'],
		'all',
		/'kvm\.defaultCounts' in f\.json is "all", but must be a list or/,
	],
	[
		'a default count',
		['kvm', 'defaultCounts'],
		[{ madeOn: '0', counted: 1 }],
		/'kvm\.defaultCounts\[0\]\.counted' in f\.json is 1/,
	],
];

for (const [title, path, value, sentence] of wrong) {
	test(`refused: ${title}`, t => {
		const facts: object = structuredClone(bigLittle);
		const parent = path.slice(0, -1).reduce<object>((at, name) => Reflect.get(at, name), facts);
		Reflect.set(parent, path.at(-1)!, value);
		const error = t.throws(() => parseHostFacts(JSON.stringify(facts), 'f.json'), {
			name: 'UsageError',
			message: sentence,
		});
		t.false(error.message.includes('\n'));
	});
}

for (const text of ['', '{', '[]', 'null', '3', '"facts"', '\u0000']) {
	test(`refused: ${JSON.stringify(text)}`, t => {
		t.throws(() => parseHostFacts(text, 'f.json'), { name: 'UsageError', message: /f\.json/ });
	});
}
