import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { quoteWord } from '../../lib/text/quote.ts';
import { foreignLinesOf } from '../../lib/text/streams.ts';
import { DeadlineError, type WaitOptions, within } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import { HostError } from '../errors.ts';
import { lastLines } from '../lines.ts';
import { spawnLocal } from '../processes/process.ts';
import { type Rights, readRights } from '../processes/rights.ts';
import { agent, renewed } from './agent.ts';
import { SshConnection } from './connection.ts';
import { connectError } from './diagnose.ts';
import { pathOption } from './options.ts';

export interface MasterOptions extends WaitOptions {
	/** The host's name in messages. */
	readonly name: string;
	readonly blame: 'host' | 'board';
	/** Path for the control socket: a short path in a private folder. */
	readonly controlPath: string;
	/** Options for ssh, before the target. */
	readonly options: readonly string[];
	/** How often to send the host a sign of life. Not needed if the host ends together with this process. */
	readonly beatMs?: number | undefined;
	/** Shell commands to run first on the host. */
	readonly prelude?: string | undefined;
	/** Time for the agent's cleanup at the end. Default 3 s; 0 if the host ends as well. */
	readonly farewellMs?: number | undefined;
	/** Returns further details when the connection is lost. */
	readonly explainLoss?: (() => Promise<LossDetails>) | undefined;
}

/** Why a connection was lost, in addition to ssh's own messages. */
export interface LossDetails {
	readonly text: string | undefined;
	readonly evidence: readonly string[];
}

const connectMs = 30_000;

/** A running ssh connection with the agent at its other end. */
export interface Master extends AsyncDisposable {
	readonly connection: SshConnection;
	/** The agent's folder on the host. */
	readonly base: string;
	readonly uid: string;
	/** `uname -m`. */
	readonly machine: string;
	/** The rights of untrusted programs on the host. */
	readonly rights: Rights;
	/** Resolves with the error for pending requests when the connection is lost; never rejects. */
	readonly lost: Promise<HostError>;
	/** Empties the agent's folders for another user. `false` if something that was started still runs, or the agent cannot. */
	renew(): Promise<boolean>;
	/** Ends the connection; the agent, if there is one that answers, tidies up afterwards. */
	leave(): Promise<void>;
	/** Sends a signal to a process on the host (or to a group, if negative). */
	kill(signal: string, target: number): void;
}

/**
 * Connects to a host with the system's ssh, as a master that no one else uses. The caller owns it.
 *
 * @throws HostError when ssh cannot connect. Never DeadlineError: a host that does not answer is `unreachable`
 */
export async function startMaster(target: string, options: MasterOptions): Promise<Master> {
	const { name, blame, controlPath, signal, timeoutMs = connectMs * contention() } = options;
	await using stack = new AsyncDisposableStack();
	const ssh = stack.use(
		await spawnLocal([
			'ssh',
			...['-T', '-x', '-a', '-o', 'BatchMode=yes', '-o', 'ControlMaster=yes'],
			...pathOption('ControlPath', controlPath),
			...['-o', 'ControlPersist=no', '-o', 'ClearAllForwardings=yes', '-o', 'PermitLocalCommand=no'],
			...['-o', 'RemoteCommand=none', '-o', 'RequestTTY=no', ...options.options],
			// ssh uses the first value of a repeated option, so the caller's value wins.
			...['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=3', '--', target],
			`exec sh -c ${quoteWord(`${options.prelude ?? ''}${agent}`)} vpmu-agent`,
		]),
	);
	ssh.stdin.on('error', () => undefined);
	const stderr = lastLines(ssh.stderr);
	const lines = foreignLinesOf(ssh.stdout);
	const greeting = async () => {
		for (;;) {
			const { value, done } = await lines.next();
			if (done) {
				const exit = await ssh.exited;
				throw connectError(target, name, stderr(), exit.status, blame);
			}
			// The start-up files of a login shell may print text first.
			const match = /^vpmu-agent (\/tmp\/vpmu\.\w{6}) (\d{1,10}) ([\w.-]{1,64}) (\w{1,20})$/.exec(value);
			if (match !== null) return { base: match[1]!, uid: match[2]!, machine: match[3]!, rights: readRights(match[4]!) };
		}
	};
	const late = (error: unknown) =>
		error instanceof DeadlineError
			? new HostError(`${target} does not answer (nothing after ${timeoutMs / 1000} s)`, {
					host: name,
					failure: 'unreachable',
					evidence: stderr(),
					cause: error,
					blame,
				})
			: error;
	const greeted = greeting();
	greeted.catch(() => undefined);
	const { base, uid, machine, rights } = await within('ssh', greeted, { signal, timeoutMs }).catch(error =>
		Promise.reject(late(error)),
	);
	const connection = stack.use(await SshConnection.open(controlPath, { signal, timeoutMs: 10_000 * contention() }));
	const beat = keepBeating(ssh.stdin, options.beatMs);
	stack.defer(beat);
	const lost = Promise.race([ssh.exited, connection.ended]).then(async () => {
		// The last messages of ssh and its child processes arrive slightly later.
		await delay(50);
		const details = await options.explainLoss?.();
		const evidence = [...stderr(), ...(details?.evidence ?? [])];
		const why = details?.text ?? stderr().at(-1);
		const message = `the connection to ${name} was lost${why === undefined ? '' : `: ${why}`}`;
		return new HostError(message, { host: name, failure: 'lost', evidence, blame });
	});
	const owned = stack.move();
	return {
		connection,
		base,
		uid,
		machine,
		rights,
		lost,
		kill: (signalName, process) => void ssh.stdin.write(`kill ${signalName.replace(/^SIG/, '')} ${process}\n`),
		async renew() {
			if (connection.isBusy) return false;
			ssh.stdin.write('renew\n');
			const answer = within('the agent', lines.next(), { timeoutMs: 10_000 * contention() });
			return (await answer.catch(() => undefined))?.value === renewed;
		},
		leave: async () => await owned.disposeAsync(),
		async [Symbol.asyncDispose]() {
			beat();
			// The agent stops our remaining programs and removes its folder. Then ssh exits, which requires that no channel is
			// open.
			ssh.stdin.end();
			await connection[Symbol.asyncDispose]();
			const { farewellMs = 3000 } = options;
			if (farewellMs > 0) await within('the agent', ssh.exited, { timeoutMs: farewellMs }).catch(() => undefined);
			await owned.disposeAsync();
		},
	};
}

function keepBeating(stdin: Writable, everyMs: number | undefined): () => void {
	if (everyMs === undefined) return () => undefined;
	const send = () => void stdin.write('beat\n');
	send();
	const timer = setInterval(send, everyMs).unref();
	return () => clearInterval(timer);
}
