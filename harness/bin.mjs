#!/usr/bin/env node
// Plain JavaScript that an old Node can read: finds a Node that can run vpmu, says so when there is none.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

// A socket or folder that others may write to would let them into a guest or the cache; all that we start inherits this.
process.umask(process.umask() | 0o022);

const here = dirname(fileURLToPath(import.meta.url));
// A package has what was built, since Node runs no .ts files below node_modules; a checkout runs its sources.
const source = join(here, 'main.ts');
const main = existsSync(source) ? source : join(here, '..', 'dist', 'harness', 'main.js');
const [major] = process.versions.node.split('.').map(Number);

/** The cache's folder, as src/image/cache has it; a wrong one is refused by who needs it, and does without here. */
function cacheFolder() {
	const { VPMU_CACHE: own, XDG_CACHE_HOME: users } = process.env;
	const folder = own || (users && isAbsolute(users) ? join(users, 'vpmu') : join(homedir(), '.cache', 'vpmu'));
	return isAbsolute(folder) ? join(folder, 'compiled') : undefined;
}

if (major >= 24) {
	// Two thirds of the time to the first answer went into compiling; now only the first start of a version pays.
	const compiled = cacheFolder();
	if (compiled !== undefined) module.enableCompileCache(compiled);
	// V8 lets what is young grow to 64 MiB before it looks: a long run would be twice as large, and no faster.
	setFlagsFromString('--semi-space-growth-factor=1');
	const { start } = await import(main);
	await start();
} else {
	// `npm run` and `npx` in the checkout put the npm package `node` first on the path; a direct call does not.
	let node;
	try {
		const manifest = module.createRequire(import.meta.url).resolve('node/package.json');
		node = join(dirname(manifest), 'bin', 'node');
	} catch {
		// Not in a checkout with its development dependencies: said below.
	}
	if (node === undefined || !existsSync(node)) {
		process.stderr.write(
			`vpmu: needs Node.js 24 or newer, but this is ${process.version}; run 'npm ci' in the checkout, or 'npx -p node@24 -p vpmu vpmu'\n`,
		);
		process.exitCode = 69;
	} else {
		const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
		for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
		child.on('exit', (status, signal) => {
			process.exitCode = status ?? (signal === 'SIGINT' ? 130 : 69);
		});
	}
}
