// Plain JavaScript that an old Node can read: finds a Node that can run vpmu, and says so when there is none.
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const here = dirname(fileURLToPath(import.meta.url));
// A package has what was built, since Node runs no .ts files below node_modules; a checkout runs its sources.
const source = join(here, 'main.ts');
const main = existsSync(source) ? source : join(here, '..', 'dist', 'harness', 'main.js');

/** EX_UNAVAILABLE of sysexits.h: what every command ends with when the fault is not the case's. */
const unavailable = 69;

/** The first Node whose type stripping and path.matchesGlob print no warning. */
const [leastMajor, leastMinor] = [24, 8];

function isNewEnough() {
	const [major, minor] = process.versions.node.split('.').map(Number);
	return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

/** The cache's folder, as src/image/cache has it; a wrong one is refused by who needs it, and does without here. */
function cacheFolder() {
	const { VPMU_CACHE: own, XDG_CACHE_HOME: users } = process.env;
	const folder = own || (users && isAbsolute(users) ? join(users, 'vpmu') : join(homedir(), '.cache', 'vpmu'));
	return isAbsolute(folder) ? join(folder, 'compiled') : undefined;
}

/** Writes a sentence, if anybody reads. */
function complain(text) {
	process.stderr.on('error', () => undefined);
	process.stderr.write(`vpmu: ${text}\n`);
	process.exitCode = unavailable;
}

/** Runs vpmu in this process, or in one of the Node that was installed with it. Sets the exit status. */
export async function launch() {
	// Whatever ends this process before its command does is not a failure of a case, which is what 1 says.
	process.exitCode = unavailable;
	if (isNewEnough()) {
		// Two thirds of the time to the first answer went into compiling; now only the first start of a version pays.
		const compiled = cacheFolder();
		if (compiled !== undefined) module.enableCompileCache(compiled);
		// V8 lets what is young grow to 64 MiB before it looks: a long run would be twice as large, and no faster.
		setFlagsFromString('--semi-space-growth-factor=1');
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

/** The same command line under another Node, which goes when this process goes. */
async function runWith(node) {
	const { spawn } = await import('node:child_process');
	const child = spawn(node, [join(here, 'bin.mjs'), ...process.argv.slice(2)], {
		// The end of a pipe that nothing is written to tells it that this process was killed.
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
