import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { faults, faultTable } from './table.ts';

test('docs/faults.md shows the table', t => {
	const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/faults.md'), 'utf8');
	t.true(text.includes(faultTable()), `put this into docs/faults.md:\n${faultTable()}`);
});

test('every row of the table has a test of that name', t => {
	const tests = readdirSync(import.meta.dirname)
		.filter(name => /\.(real|full)\.ts$/.test(name))
		.map(name => readFileSync(path.join(import.meta.dirname, name), 'utf8'))
		.join('\n');
	const tested = new Set([...tests.matchAll(/\bfault\(\s*'([^']+)'/g)].map(match => match[1]));
	const untested = Object.keys(faults).filter(name => !tested.has(name));
	t.deepEqual(untested, []);
});
