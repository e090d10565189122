import { randomBytes } from 'node:crypto';
import { connectHost, type RemoteHost } from '../host/ssh/host.ts';
import type { WaitOptions } from '../lib/waiting/deadline.ts';
import type { Machine } from '../qemu/machine/machine.ts';
import { type BoardFolder, sshPort } from './level0.ts';
import { Mailbox, mailboxBytes } from './mailbox.ts';
import type { BoardParts } from './parts.ts';

/** Connects to a running board. The caller owns the connection, not the board. @throws HostError */
export async function connectBoard(
	machine: Machine,
	parts: BoardParts,
	folder: BoardFolder,
	options: WaitOptions,
): Promise<RemoteHost> {
	const name = `board:${parts.layout.topology.name}`;
	const mailbox = new Mailbox(folder.mailbox, mailboxBytes);
	const host: RemoteHost = await connectHost('root@127.0.0.1', {
		...options,
		name,
		kind: 'board',
		topology: parts.layout.topology.name,
		// A halted board does not answer, and the process monitor notices one that has ended.
		options: ['-p', String(await sshPort(machine)), '-o', 'ServerAliveInterval=0', ...parts.keys.sshOptions],
		store: '/var/tmp/provided',
		unpack: (archive, into, finish, limits) => mailbox.unpack(host, archive, into, finish, limits),
		farewellMs: 0,
		prelude: wakeUp(),
		explainLoss: async () => {
			const exit = machine.process.exit;
			const what = exit === undefined ? undefined : exit.signal === null ? `status ${exit.status}` : exit.signal;
			return {
				text: what === undefined ? undefined : `its emulator ended with ${what}`,
				evidence: [...machine.process.stderrLines(), ...machine.console.lastLines(20)],
			};
		},
	});
	return host;
}

/** A restored board still has the clock and random state of its snapshot, and would draw the same random numbers. */
function wakeUp(): string {
	return `date -u -s @${Math.floor(Date.now() / 1000)} >/dev/null; echo ${randomBytes(32).toString('hex')} >/dev/urandom;`;
}
