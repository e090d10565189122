import test from 'ava';
import { randomCase, randomFrom } from '../../harness/worker/hosts/generate.ts';
import { simulatedFacts } from '../../src/pmu/index.ts';
import { uniform } from '../../src/pmu/testing/facts.ts';
import { choose, neighbours, type Situation, same, samePairs } from './neighbours.ts';
import { situations } from './situations.ts';

let all: readonly Situation[] = [];

test.before(async () => {
	all = await situations();
});

test('there are cells and telling hosts to check, each with a unique name', t => {
	const titles = all.map(one => one.title);
	t.is(new Set(titles).size, titles.length);
	t.true(titles.some(title => title.startsWith('choice/default[')));
	t.true(titles.some(title => title.startsWith('choice/telling-hosts: ')));
});

for (const neighbour of neighbours) {
	test(`${neighbour.about}: ${neighbour.name}: some cell has another outcome`, t => {
		const telling = all.filter(one => neighbour.choose(one) !== choose(one)).map(one => one.title);
		t.log(`${telling.length}: ${telling.slice(0, 2).join('; ')}`);
		t.not(telling.length, 0);
	});
}

test('each telling host distinguishes some neighbour from the reference', t => {
	const useless = all
		.filter(one => one.title.startsWith('choice/telling-hosts: '))
		.filter(one => neighbours.every(neighbour => neighbour.choose(one) === choose(one)))
		.map(one => one.title);
	t.deepEqual(useless, []);
});

test('rules whose order is said not to matter give the same outcome everywhere, on random hosts too', t => {
	t.is(same.length, Object.keys(samePairs).length);
	const random = Array.from({ length: 400 }, (_, index): Situation => {
		const machines = [{ name: 'virt' }, { name: 'virt-9.2' }];
		const { description, settings } = randomCase(randomFrom(index), { realType: 10, version: '10.0.13', machines });
		return { title: `random host ${index}`, facts: simulatedFacts(uniform, description), settings };
	});
	for (const neighbour of same) {
		const differs = [...all, ...random].find(one => neighbour.choose(one) !== choose(one));
		t.is(differs?.title, undefined, neighbour.name);
	}
});
