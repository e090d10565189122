import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Host } from '../host/host.ts';
import { pathOption } from '../host/ssh/options.ts';
import type { Cache } from '../image/index.ts';
import { BoardError } from './errors.ts';

/** The name of boards in `known_hosts`; their port changes with every start. */
const hostAlias = 'vpmu-board';

/** Ssh keys of this cache's boards: ours to log in with, and theirs to verify them. */
export interface BoardKeys {
	readonly folder: string;
	/** Changes with the keys. */
	readonly hash: string;
	readonly hostKey: Buffer;
	readonly authorizedKeys: Buffer;
	/** Options that make ssh use only these keys and none of the user's. */
	readonly sshOptions: readonly string[];
}

/** Returns the keys of a cache, created at first use. @throws BoardError when ssh-keygen is missing or fails */
export async function boardKeys(cache: Cache, host: Host): Promise<BoardKeys> {
	const folder = await cache.keep('snapshots', 'keys-1', async to => {
		await mkdir(to, { mode: 0o700 });
		for (const name of ['client', 'server']) {
			const argv = ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', `vpmu-${name}`, '-f', path.join(to, name)];
			const { status, stderr } = await host.run(argv, { timeoutMs: 30_000, signal: cache.signal });
			if (status === 0) continue;
			const evidence = stderr.toString().split('\n').filter(Boolean);
			const why = status === 127 ? "there is no 'ssh-keygen' (Debian: openssh-client)" : evidence.at(-1);
			throw new BoardError(`cannot make keys for boards: ${why}`, { board: 'all', evidence });
		}
		const server = await readFile(path.join(to, 'server.pub'), 'utf8');
		await writeFile(path.join(to, 'known_hosts'), `${hostAlias} ${server}`);
		return { label: "boards' ssh keys" };
	});
	const [hostKey, hostPublic, authorizedKeys] = await Promise.all(
		['server', 'server.pub', 'client.pub'].map(name => readFile(path.join(folder, name))),
	);
	const hash = createHash('sha256').update(hostPublic!).update(authorizedKeys!).digest('hex').slice(0, 16);
	const set = (name: string, value: string) => ['-o', `${name}=${value}`];
	return {
		folder,
		hash,
		hostKey: hostKey!,
		authorizedKeys: authorizedKeys!,
		sshOptions: [
			...['-F', 'none'],
			...pathOption('IdentityFile', path.join(folder, 'client')),
			...set('IdentitiesOnly', 'yes'),
			...set('IdentityAgent', 'none'),
			...pathOption('UserKnownHostsFile', path.join(folder, 'known_hosts')),
			...set('GlobalKnownHostsFile', '/dev/null'),
			...set('StrictHostKeyChecking', 'yes'),
			...set('HostKeyAlias', hostAlias),
			...set('PreferredAuthentications', 'publickey'),
			// The cheapest key type to emulate: the first connection takes half the time of the default type.
			...set('KexAlgorithms', 'curve25519-sha256'),
			...set('HostKeyAlgorithms', 'ssh-ed25519'),
			...set('UpdateHostKeys', 'no'),
			...set('GSSAPIAuthentication', 'no'),
			// A long interval: an emulator that exits closes its connections, and a silent one is only slow.
			...set('ServerAliveInterval', '30'),
		],
	};
}
