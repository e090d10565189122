import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { compilerArguments, guestTools } from './tools.ts';

/**
 * Builds every guest tool anew and compares it with the committed build; with VPMU_TOOLS=write it becomes the committed
 * build. VPMU_CROSS_ROOT names a folder that holds a Debian bookworm system with gcc-aarch64-linux-gnu (entered with
 * chroot, so as root).
 */
const folder = import.meta.dirname;
const root = process.env.VPMU_CROSS_ROOT;
const withCompiler = root === undefined ? test.skip : test;
if (root === undefined) console.log('skipped: rebuilding the guest tools (VPMU_CROSS_ROOT is not set)');

withCompiler('the committed guest tools are what their sources build to', t => {
	const inside = mkdtempSync(path.join(root!, 'tmp/vpmu-tools-'));
	t.teardown(() => rmSync(inside, { recursive: true }));
	cpSync(folder, inside, { recursive: true });
	for (const tool of guestTools) {
		const output = `built-${tool.name}`;
		const within = `cd ${path.join('/tmp', path.basename(inside))} && exec aarch64-linux-gnu-gcc "$@"`;
		execFileSync('chroot', [root!, 'sh', '-c', within, 'sh', ...compilerArguments(tool, output)]);
		const committed = path.join(folder, 'bin/aarch64', tool.name);
		if (process.env.VPMU_TOOLS === 'write') copyFileSync(path.join(inside, output), committed);
		t.true(readFileSync(path.join(inside, output)).equals(readFileSync(committed)), tool.name);
	}
});
