import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { dir } from 'tmp-promise';
import { avaProgram } from './run/rounds/ava.ts';
import { packageFolder } from './usage/places.ts';

test("AVA loads a case of a user's project, whatever the type of its package", async t => {
	const { path: project, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const config = pathToFileURL(path.join(packageFolder, 'harness', 'ava.ts')).href;
	const body = `import { pmuTest } from 'vpmu/test';
		pmuTest('a claim', { topology: ['biglittle'] }, async (t, cell) => void (await cell.boot()));`;
	mkdirSync(path.join(project, 'cases', 'mine'), { recursive: true });
	writeFileSync(path.join(project, 'package.json'), '{}');
	writeFileSync(path.join(project, 'ava.config.mjs'), `export { default } from '${config}';`);
	for (const name of ['x.ts', 'y.mts', 'z.mjs']) writeFileSync(path.join(project, 'cases', 'mine', name), body);
	// Each case is skipped by the plan, so that nothing starts.
	const { status, stdout, stderr } = spawnSync(process.execPath, [avaProgram(), 'cases/mine/*'], {
		...{ cwd: project, encoding: 'utf8', timeout: 300_000 },
		env: { PATH: process.env.PATH, HOME: process.env.HOME, VPMU_ON: 'board:uniform', NO_COLOR: '1' },
	});
	t.is(status, 0, stdout + stderr);
	t.regex(stdout, /6 tests? skipped/);
});
