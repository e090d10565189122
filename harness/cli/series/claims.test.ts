import test from 'ava';
import { sketched } from '../../../src/compare/testing/cells.ts';
import { claimsOf } from './claims.ts';

const cells = [
	sketched({ name: 'choice/default', predicted: { backend: 'event-source', type: 8, rule: 'covers-all' } }),
	sketched({ name: 'choice/default', machine: 'virt-9.2', predicted: { backend: 'default', rule: 'backcompat' } }),
	sketched({ name: 'choice/no-backend', status: 'xfail', predicted: { backend: 'none', rule: 'no-cover' } }),
	sketched({ name: 'pmu/properties-readable', status: 'xfail', predicted: { backend: 'none', rule: 'covers-all' } }),
	sketched({ name: 'compat/migrated', status: 'skip' }),
];

/**
 * Returns the state of each sentence that a case covers, with the number of cells that tried it and of those that fail.
 */
const judged = (sentences: readonly string[], isOld = (_id: string) => false) =>
	claimsOf(
		sentences.map(text => ({ where: 'patch 1', text })),
		cells,
		isOld,
	).map(({ state, cells: tried, against }) => [state, tried.length, against.length]);

test('a sentence is borne out by the cells that its matter decides, and in doubt if one of them fails', t => {
	t.deepEqual(
		judged([
			'An event source that covers all PCPUs.',
			'The default backend if the machine version is old.',
			'Disable PMU if no backend can be chosen.',
			'The guest can be migrated.',
			'Choose a PMU backend with the following priority order:',
		]),
		[
			['holds', 1, 0],
			['holds', 1, 0],
			['fails', 1, 1],
			['not-tried', 0, 0],
		],
	);
});

test('a cell that fails without the series too does not speak against it', t => {
	t.deepEqual(
		judged(['Disable PMU if no backend can be chosen.'], () => true),
		[['holds', 1, 0]],
	);
});
