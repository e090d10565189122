/** Runs every attack as the current user, and prints a line of JSON for each. Started by attacks.full.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { openCache, removeForeign, runInSandbox, SandboxLimitError } from '../../src/image/index.ts';
import { attacks } from './attacks.ts';

const [root, folder] = process.argv.slice(2) as [string, string];
const cache = await openCache({ env: process.env });
const secret = path.join(folder, 'secret');
await writeFile(secret, 'the secret\n', { mode: 0o600 });
const loopback = createServer(socket => socket.end()).listen(0, '127.0.0.1');
const abstract = `vpmu-attack-${process.pid}`;
const unix = createServer(socket => socket.end()).listen(`\0${abstract}`);
await Promise.all([once(loopback, 'listening'), once(unix, 'listening')]);
const bystander = spawn('sleep', ['3600']);
const limits = {
	...{ timeMs: 20_000, memoryBytes: 512 * 1024 ** 2, processes: 200, fileBytes: 100 * 1024 ** 2 },
	...{ diskBytes: 200 * 1024 ** 2, outputBytes: 4 * 1024 ** 2 },
};
const env = {
	...{ SECRET: secret, ABSTRACT: abstract, HOSTPID: String(bystander.pid) },
	PORT: String((loopback.address() as { port: number }).port),
};

async function commandLines(): Promise<string[]> {
	const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
	return await Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')));
}

for (const { name, script, limit } of attacks) {
	const work = path.join(folder, 'work');
	await mkdir(work);
	let [seen, reached] = ['', ''];
	try {
		const { stdout, stderr } = await runInSandbox(cache, { root, work, script, env, limits });
		seen = `${stdout}${stderr}`;
	} catch (error) {
		if (!(error instanceof SandboxLimitError)) throw error;
		reached = error.limit;
	}
	const survivors = (await commandLines()).filter(line => line.includes('vpmu-survivor')).length;
	await removeForeign(work);
	const held =
		!seen.includes('ESCAPED') &&
		reached === (limit ?? '') &&
		survivors === 0 &&
		(await readFile(secret, 'utf8')) === 'the secret\n';
	console.log(JSON.stringify({ name, held, reached, seen: held ? '' : seen.slice(0, 500), survivors }));
}
bystander.kill();
loopback.close();
unix.close();
