import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { temporaryFolder } from '../../test/testing/vpmu.ts';
import { caseFolders } from './case-files.ts';
import { collectCases } from './collect.ts';

test('a folder that is named for its cases and has none is bad usage, whatever files are in it', async t => {
	const cwd = await temporaryFolder(t);
	mkdirSync(path.join(cwd, 'docs'));
	writeFileSync(path.join(cwd, 'docs', 'helper.mjs'), 'export const x = 1;\n');
	mkdirSync(path.join(cwd, 'shipped'));
	const folders = { ...caseFolders({ cwd, env: {} }, 'docs'), shipped: path.join(cwd, 'shipped') };
	await t.throwsAsync(collectCases(folders), {
		instanceOf: UsageError,
		message: /^'docs' of option '--cases' has no case; /,
	});
});
