import test from 'ava';
import { type KnownSeries, knownFindingsOf } from './findings.ts';

const series: KnownSeries = {
	...{ title: 'target/arm: Choose it', changeId: '2026-x' },
	versions: [
		{ version: 2, messageIds: ['two@example.org'], seen: ['F1', 'F2'] },
		{ version: 3, messageIds: ['three@example.org'], seen: ['F2'] },
	],
};
const known = (identity: Parameters<typeof knownFindingsOf>[0]) => knownFindingsOf(identity, [series]);

test('a series is known by its change-id, by a message, or by its title; its newest tried version counts', t => {
	t.like(known({ title: 'renamed', version: 4, changeId: '2026-x' }), { seenIn: 3, seen: ['F2'] });
	t.like(known({ title: 'renamed', version: 3, messageIds: ['three@example.org'] }), { seenIn: 3 });
	t.like(known({ title: 'Target/arm:  choose it', version: 2 }), { seenIn: 2, seen: ['F1', 'F2'] });
	t.is(known({ title: 'target/arm: Choose it', version: 1 }), undefined);
	t.is(known({ title: 'another', version: 9 }), undefined);
});

test('the posted series is known as the ported patches name it', t => {
	t.like(knownFindingsOf({ title: 'target/arm/kvm: Choose PMU backend', version: 4 }), { seenIn: 3 });
});
