import { readFileSync } from 'node:fs';
import test from 'ava';
import { conformanceRules } from '../../src/pmu/index.ts';
import { brokenKernels } from './broken.ts';
import { conformanceDocument, publishedChecks } from './table.ts';

test('docs/conformance.md has every check; node test/kernels/table.ts JSON... writes it', t => {
	t.deepEqual(publishedChecks().sort(), conformanceRules.map(({ id }) => id).sort());
});

test('each broken kernel is in docs/conformance.md, and told by checks that exist', t => {
	const ids = new Set(['kernel-log', ...conformanceRules.map(({ id }) => id)]);
	const text = readFileSync(conformanceDocument, 'utf8');
	for (const { name, told, what } of brokenKernels) {
		t.true(text.includes(`| \`${name}\` | ${what} |`), name);
		t.true(told.length > 0, name);
		t.deepEqual(
			told.filter(id => !ids.has(id)),
			[],
			name,
		);
	}
});
