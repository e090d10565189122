import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { packageFolder } from '../usage/places.ts';
import { commandTable } from './help.ts';
import { commands } from './index.ts';

test('README.md lists the same commands as the help', t => {
	const readme = readFileSync(path.join(packageFolder, 'README.md'), 'utf8');
	const table = /^\| command .*\n(\|.*\n)+/m.exec(readme)?.[0];
	t.is(table, commandTable(commands), "replace README.md's table with this one");
});

test('every command has a short summary, and its usage line names only its own options', t => {
	for (const [name, spec] of Object.entries(commands)) {
		t.regex(spec.summary, /^\S.{9,78}[^.]$/, name);
		for (const { summary, usage, options } of 'actions' in spec ? Object.values(spec.actions) : [spec]) {
			t.regex(summary, /^\S.{9,78}[^.]$/, name);
			for (const [, option] of usage.matchAll(/--([a-z-]+)/g)) t.true(option! in options, `${name}: --${option}`);
		}
	}
});
