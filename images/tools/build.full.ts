import { chmod, copyFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { openCache } from '../../src/image/index.ts';
import { buildTool, openToolchain } from './build.ts';
import { guestTools } from './tools.ts';

/** With VPMU_TOOLS=write, the result replaces the committed build. */
test('the committed guest tools are identical to a build of their sources', async t => {
	const toolchain = await openToolchain(await openCache());
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	for (const tool of guestTools) {
		const built = path.join(folder, tool.name);
		await buildTool(toolchain, tool, built);
		const committed = path.join(import.meta.dirname, 'bin/aarch64', tool.name);
		if (process.env.VPMU_TOOLS === 'write') {
			await copyFile(built, committed);
			await chmod(committed, 0o755);
		}
		t.true((await readFile(built)).equals(await readFile(committed)), tool.name);
	}
});
