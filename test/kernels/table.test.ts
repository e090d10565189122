import test from 'ava';
import { conformanceRules } from '../../src/pmu/index.ts';
import { brokenKernels } from './broken.ts';
import { publishedChecks } from './table.ts';

test('docs/conformance.md has every check; node test/kernels/table.ts JSON... writes it', t => {
	t.deepEqual(publishedChecks().sort(), conformanceRules.map(({ id }) => id).sort());
});

test('each broken kernel is told by checks that exist', t => {
	const ids = new Set(['kernel-log', ...conformanceRules.map(({ id }) => id)]);
	for (const { name, told } of brokenKernels) {
		t.true(told.length > 0, name);
		t.deepEqual(
			told.filter(id => !ids.has(id)),
			[],
			name,
		);
	}
});
