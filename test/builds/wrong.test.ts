import test from 'ava';
import { simulatedFacts } from '../../src/pmu/index.ts';
import { uniform } from '../../src/pmu/testing/facts.ts';
import { situations } from '../neighbours/situations.ts';
import { choiceIn, sysfsOf, wrongChoice } from './choose/choose.ts';
import { wrongBuilds } from './wrong.ts';

test('each wrong build has a name of its own and changes something', t => {
	t.is(new Set(wrongBuilds.map(one => one.name)).size, wrongBuilds.length);
	for (const { name, edits } of wrongBuilds) {
		t.true(edits.length > 0, name);
		for (const [from, to] of edits) t.not(from, to, name);
	}
});

test('the choice is taken out of a series, and an edit that fits more than one place is refused', t => {
	const series =
		'+++ b/kvm.c\n+static bool read_pmu_attr(x)\n+    a(b);\n+    a(b);\n+    c;\n context\n+static int set_pmu\n';
	const choice = choiceIn(series);
	t.is(choice, 'static bool read_pmu_attr(x)\n    a(b);\n    a(b);\n    c;\n');
	const wrong = (from: string) => wrongChoice(choice, { name: 'x', about: 'x', edits: [[from, '$&']] });
	t.is(wrong('a(b)'), undefined);
	t.is(wrong('z'), undefined);
	t.is(
		wrong('c;'),
		choice.replace('c;', () => '$&'),
	);
	t.throws(() => choiceIn('+nothing\n'), { message: /no function read_pmu_attr/ });
});

test('a host is laid out as facts have it, entries in their order', async t => {
	const [one] = (await situations()).filter(({ title }) => title.includes('whatever the order of the folder'));
	const entries = sysfsOf('h', one!.facts);
	const links = entries.flatMap(entry => ('link' in entry ? [entry.path.split('/').at(-1)] : []));
	t.deepEqual(
		links.filter(name => name?.startsWith('pmu_')),
		['pmu_b', 'pmu_d', 'pmu_c', 'pmu_a', 'pmu_e'],
	);
	const types = entries.filter(entry => 'content' in entry && entry.path.endsWith('/type'));
	t.is(types.length, links.length);
	const unreadable = simulatedFacts(uniform, { possible: { error: 'ENOENT' } });
	t.false(sysfsOf('h', unreadable).some(entry => entry.path.endsWith('/possible')));
});
