import { DeadlineError, within } from '../lib/deadline.ts';
import { HostError } from './errors.ts';
import type { Host, HostReference } from './host.ts';
import { firstLines, lastLines } from './lines.ts';
import { localHost } from './local.ts';
import { agent } from './ssh/agent.ts';
import { SshConnection } from './ssh/connection.ts';
import { RemoteHost } from './ssh/host.ts';
import type { Master } from './ssh/master.ts';
import { Workspace } from './workspace.ts';

/**
 * A host that another process of this machine owns, shared: over ssh, on its connection. What is started through it
 * belongs to the caller and ends with the caller; the host itself stays its owner's.
 *
 * @throws HostError when its owner is gone
 */
export async function attachHost(reference: HostReference): Promise<Host> {
	if (reference.kind === 'local') return localHost();
	const { name, kind, topology } = reference;
	const master = await attachMaster(reference);
	return new RemoteHost(master, new Workspace(), { name, kind, ...(topology === null ? {} : { topology }) });
}

/** As `startMaster`, on the connection of a master that runs already: with an agent of our own at the other end. */
async function attachMaster({ name, kind, controlPath }: Exclude<HostReference, { kind: 'local' }>): Promise<Master> {
	const blame = kind === 'board' ? 'board' : 'host';
	const gone = (cause: unknown) =>
		new HostError(`cannot share the connection to ${name}`, { host: name, failure: 'lost', cause, blame });
	await using stack = new AsyncDisposableStack();
	const connection = stack.use(
		await SshConnection.open(controlPath, { timeoutMs: 10_000 }).catch(cause => Promise.reject(gone(cause))),
	);
	const channel = await connection
		.exec(`exec sh -c '${agent.replaceAll("'", `'\\''`)}' vpmu-agent`)
		.catch(cause => Promise.reject(gone(cause)));
	channel.on('error', () => undefined);
	const stderr = lastLines(channel.stderr);
	const greeting = async () => {
		for await (const line of firstLines(channel)) {
			const match = /^vpmu-agent (\S+) (\d+) (\S+)$/.exec(line);
			if (match !== null) return { base: match[1]!, uid: match[2]!, machine: match[3]! };
		}
		throw gone(new Error(stderr().at(-1) ?? 'the agent said nothing'));
	};
	const { base, uid, machine } = await within(`the agent on ${name}`, greeting(), { timeoutMs: 20_000 }).catch(error =>
		Promise.reject(error instanceof DeadlineError ? gone(error) : error),
	);
	const lost = Promise.race([channel.exited, connection.ended]).then(
		() =>
			new HostError(`the connection to ${name} was lost`, { host: name, failure: 'lost', evidence: stderr(), blame }),
	);
	const owned = stack.move();
	return {
		connection,
		controlPath,
		base,
		uid,
		machine,
		lost,
		kill: (signalName, process) => void channel.write(`kill ${signalName.replace(/^SIG/, '')} ${process}\n`),
		async [Symbol.asyncDispose]() {
			channel.end();
			await within('the agent', channel.exited, { timeoutMs: 3000 }).catch(() => undefined);
			await owned.disposeAsync();
		},
	};
}
