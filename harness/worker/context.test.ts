import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { packageFolder } from '../usage/places.ts';
import { CaseContext, VmContext } from './context.ts';

const membersOf = (of: object) => Object.getOwnPropertyNames(of).filter(name => name !== 'constructor');

test('CaseContext is narrow, and docs/cases.md describes each member', t => {
	const members = [...membersOf(VmContext.prototype), ...membersOf(CaseContext.prototype)];
	t.true(members.length <= 25, members.join(', '));
	const table = /^\| member of `cell`[\s\S]*?\n\n/m.exec(
		readFileSync(path.join(packageFolder, 'docs', 'cases.md'), 'utf8'),
	)![0];
	const described = [...table.matchAll(/`(\w+)(?:\([^)`]*\))?`(?=[,\s]*[`|])/g)].map(match => match[1]!);
	t.deepEqual(described.filter(name => members.includes(name)).sort(), [...members].sort());
});
