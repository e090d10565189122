#!/usr/bin/env node
// Plain JavaScript for old Node versions. Loads only what it needs, so that `vpmu --version` takes as long as bare Node.
import { readFileSync, writeSync } from 'node:fs';

// Others must not be able to write to our sockets and folders, which lead into guests and the cache. Children inherit this.
process.umask(process.umask() | 0o022);

if (process.argv.length === 3 && process.argv[2] === '--version') {
	const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
	try {
		writeSync(1, `${version}\n`);
	} catch {
		// A closed output is not a failure.
	}
} else {
	const { launch } = await import('./launch.mjs');
	await launch();
}
