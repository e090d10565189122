#!/usr/bin/env node
// Plain JavaScript that an old Node can read: finds a Node that can run vpmu, says so when there is none.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
// A package has what was built, since Node runs no .ts files below node_modules; a checkout runs its sources.
const source = join(here, 'main.ts');
const main = existsSync(source) ? source : join(here, '..', 'dist', 'harness', 'main.js');
const [major] = process.versions.node.split('.').map(Number);

if (major >= 24) {
	const { start } = await import(main);
	await start();
} else {
	// `npm run` and `npx` in the checkout put the npm package `node` first on the path; a direct call does not.
	let node;
	try {
		const manifest = createRequire(import.meta.url).resolve('node/package.json');
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
