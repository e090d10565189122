// Plain JavaScript for old Node versions: finds a Node that can run vpmu, or reports that there is none.
import { existsSync, mkdirSync } from 'node:fs';
import * as module from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const here = dirname(fileURLToPath(import.meta.url));
// The package contains built files, since Node runs no .ts files below node_modules; a checkout runs its sources.
const source = join(here, 'main.ts');
const main = existsSync(source) ? source : join(here, '..', 'dist', 'harness', 'main.js');

/** EX_UNAVAILABLE of sysexits.h: the exit status of every command if the infrastructure failed. */
const unavailable = 69;

/** The first Node version whose type stripping and path.matchesGlob print no warning. */
const [leastMajor, leastMinor] = [24, 8];

function isNewEnough() {
	const [major, minor] = process.versions.node.split('.').map(Number);
	return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

/** Returns the cache folder, like src/image/cache. An invalid one is refused where it is needed; here it is not used. */
function cacheFolder() {
	const { VPMU_CACHE: own, XDG_CACHE_HOME: users } = process.env;
	const folder = own || (users && isAbsolute(users) ? join(users, 'vpmu') : join(homedir(), '.cache', 'vpmu'));
	return isAbsolute(folder) ? join(folder, 'compiled') : undefined;
}

/**
 * Makes a folder, level by level. Node's compile cache would make it in one call, which never returns where a file system answers
 * ENOENT although the parent exists, such as in /proc.
 */
function canMake(folder) {
	if (existsSync(folder)) return true;
	if (!canMake(dirname(folder))) return false;
	try {
		mkdirSync(folder, { mode: 0o700 });
	} catch {
		// Another process may have been first.
	}
	return existsSync(folder);
}

/** Prints a sentence; a closed output is ignored. */
function complain(text) {
	process.stderr.on('error', () => undefined);
	process.stderr.write(`vpmu: ${text}\n`);
	process.exitCode = unavailable;
}

/** Runs vpmu in this process, or with the Node that is installed with it. Sets the exit status. */
export async function launch() {
	// If this process ends early, that is not a failed case, which is what 1 means.
	process.exitCode = unavailable;
	if (isNewEnough()) {
		// Compiling took two thirds of the start-up time; with the cache only the first start of a version compiles.
		const compiled = cacheFolder();
		if (compiled !== undefined && canMake(compiled)) module.enableCompileCache(compiled);
		// By default V8 lets the young generation grow to 64 MiB, which makes a long run twice as large and no faster.
		setFlagsFromString('--semi-space-growth-factor=1');
		// By default the old generation may double before it is collected: a long run kept 50 MiB of garbage for minutes.
		setFlagsFromString('--heap-growing-percent=30');
		try {
			const { start } = await import(main);
			await start();
		} catch (error) {
			complain(`cannot be loaded: ${error instanceof Error ? error.stack : error}`);
		}
		return;
	}
	const name = `node-linux-${process.arch}`;
	let node;
	try {
		node = module.createRequire(import.meta.url).resolve(`${name}/bin/node`);
	} catch {
		complain(
			`needs Node.js ${leastMajor}.${leastMinor} or newer, but this is ${process.version}, and the package ${name} that brings it is not installed; run 'npm install --include=optional'`,
		);
		return;
	}
	await runWith(node);
}

/** Runs the same command line with another Node, which ends with this process. */
async function runWith(node) {
	const { spawn } = await import('node:child_process');
	const child = spawn(node, [join(here, 'bin.mjs'), ...process.argv.slice(2)], {
		// An unused pipe: when it closes, the child knows that this process is gone.
		stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
		env: { ...process.env, VPMU_LIFELINE: '3' },
	});
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
	await new Promise(resolve => {
		child.once('error', error => {
			complain(`the Node.js that was installed with it cannot be started (${node}): ${error.message}`);
			resolve();
		});
		child.once('exit', (status, signal) => {
			process.exitCode = status ?? (signal === 'SIGINT' ? 130 : unavailable);
			resolve();
		});
	});
}
