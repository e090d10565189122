import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, type WaitOptions } from '../lib/waiting/deadline.ts';
import { eitherSignal } from '../lib/waiting/either-signal.ts';
import { contention } from '../lib/waiting/fair-clock.ts';
import type { SerialConsole } from './console.ts';
import { GuestError } from './errors.ts';
import { FramedShell } from './framed/shell.ts';
import { PlainShell } from './plain/shell.ts';
import type { GuestShell } from './shell.ts';

export interface ShellOptions extends WaitOptions {
	/** `framed`: our agent; `plain`: a shell's prompt; `auto` (default): the agent, or else a prompt if one appears. */
	readonly mode?: 'auto' | 'framed' | 'plain';
	/** A second port of the guest (virtio-serial, named `vpmu` in the guest) for the frames. The shell owns it. */
	readonly port?: Duplex;
	/** The guest answered on the port before, so wait as long as a guest may need to restart. */
	readonly hasPort?: boolean;
	/** Plain: the prompt of the guest's shell. Default `/[#$] $/`. */
	readonly prompt?: RegExp;
	/** Plain: the user to log in as at `login:`. */
	readonly login?: { readonly user: string; readonly password?: string };
	/**
	 * Called at once with the framed shell that may be opened. Requests made on it are sent together with the greeting, which
	 * saves a round trip. If a different shell answers, all these requests fail.
	 */
	readonly onCandidate?: ((shell: GuestShell) => void) | undefined;
	/**
	 * Framed: a guest counts as hung if it is silent for this long, times the console's speed factor, while something runs.
	 * Default 20000.
	 */
	readonly silenceMs?: number;
	/** How long a running agent may take to answer on the port, times speed factor and load. Default 5000. */
	readonly portPatienceMs?: number;
}

/** An agent stops looking for a second port after two seconds. */
const usualPortPatienceMs = 5000;

/** Resolves when the agent runs but does not use the port, such as when the port's drivers are modules. Otherwise never resolves. */
async function portIsMissing(console: SerialConsole, patienceMs: number, signal: AbortSignal): Promise<'no-port'> {
	try {
		await console.waitFor('vpmu-agent: ready', { signal, from: 0 });
		await delay(patienceMs * console.speedFactor * contention(), undefined, { signal });
		return 'no-port';
	} catch {
		// The other promises report what ended the wait.
		return await new Promise(() => undefined);
	}
}

/**
 * Waits for a shell on a guest's console. The caller keeps ownership of the console.
 *
 * @throws GuestError kind `no-shell` when nothing answers within `timeoutMs` (default 60 s times the speed factor); other
 *   kinds when the guest dies; the signal's reason
 */
export async function openShell(console: SerialConsole, options: ShellOptions = {}): Promise<GuestShell> {
	const { mode = 'auto', signal, timeoutMs = 60_000 * console.speedFactor * contention() } = options;
	const { portPatienceMs = usualPortPatienceMs } = options;
	if (mode === 'plain') return await PlainShell.open(console, { ...options, timeoutMs });
	const framed = new FramedShell(console, { port: options.port, silenceMs: options.silenceMs });
	options.onCandidate?.(framed);
	const stopWaiting = new AbortController();
	using either = eitherSignal(signal, stopWaiting.signal);
	const both = either.signal;
	try {
		const agent = framed.greet({
			signal: both,
			timeoutMs,
			patient: mode === 'auto' && options.port === undefined && !console.isBooted,
		});
		if (mode === 'framed') await agent;
		else {
			const prompt = console
				.waitFor(options.login === undefined ? (options.prompt ?? /[#$] $/) : /login: ?$/, { signal: both, timeoutMs })
				.then(() => 'prompt' as const);
			prompt.catch(() => undefined);
			const portless =
				options.port === undefined || options.hasPort === true ? [] : [portIsMissing(console, portPatienceMs, both)];
			const first = await Promise.race([agent, prompt, ...portless]);
			stopWaiting.abort();
			await agent.catch(() => undefined);
			if (first === 'no-port') {
				await framed[Symbol.asyncDispose]();
				const { port: _, ...without } = options;
				// It has already printed its hint and will not print it again.
				return await openShell(console, { ...without, onCandidate: undefined, mode: 'framed', timeoutMs });
			}
			if (first === 'prompt') {
				await framed[Symbol.asyncDispose]();
				// The prompt was seen and will not be printed again unasked.
				await console.write('\n');
				return await PlainShell.open(console, { ...options, timeoutMs });
			}
		}
		return framed;
	} catch (error) {
		await framed[Symbol.asyncDispose]();
		if (!(error instanceof DeadlineError)) throw error;
		throw new GuestError(
			'no-shell',
			`${mode === 'framed' ? "the guest's agent did not answer" : 'neither an agent nor a prompt'} on the console within ${Math.round(timeoutMs / 1000)} s`,
			{ evidence: console.lastLines(), cause: error },
		);
	}
}
