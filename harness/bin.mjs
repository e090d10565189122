#!/usr/bin/env node
// Plain JavaScript that an old Node can read. It loads no more than it needs: `vpmu --version` takes as long as Node does.
import { readFileSync, writeSync } from 'node:fs';

// A socket or folder that others may write to would let them into a guest or the cache; all that we start inherits this.
process.umask(process.umask() | 0o022);

if (process.argv.length === 3 && process.argv[2] === '--version') {
	const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
	try {
		writeSync(1, `${version}\n`);
	} catch {
		// Nobody reads it, and that is not a failure.
	}
} else {
	const { launch } = await import('./launch.mjs');
	await launch();
}
