import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { WaitOptions } from '../lib/waiting/deadline.ts';
import { eitherSignal } from '../lib/waiting/either-signal.ts';
import { GuestError } from './errors.ts';
import type { GuestShell } from './shell.ts';

/** Codes of the telnet protocol (RFC 854, RFC 1073). */
const telnet = { end: 240, begin: 250, will: 251, dont: 254, command: 255, windowSize: 31 } as const;

/** Starts a shell on a pseudo-terminal. The agent uses the console, so a user needs a separate terminal. */
const script = [
	'mkdir -p /dev/pts',
	'[ -e /dev/pts/ptmx ] || mount -t devpts devpts /dev/pts',
	'cd /root 2>/dev/null',
	'exec telnetd -i -K -f /dev/null -l /bin/sh',
].join('\n');

/**
 * Connects `stream` to a shell on a terminal in a guest. The other end of the stream speaks telnet, as
 * {@link TerminalClient} does. Returns when the shell exits, the stream ends or the signal aborts, and ends the stream.
 * The guest needs busybox' telnetd and pseudo-terminals.
 *
 * @throws GuestError kind `exec` if the guest lacks them, and as `GuestShell.run`; the signal's reason
 */
export async function serveTerminal(
	shell: GuestShell,
	stream: Duplex,
	{ signal }: Pick<WaitOptions, 'signal'> = {},
): Promise<void> {
	const left = new AbortController();
	const gone = finished(stream, { writable: false }).then(
		() => left.abort(),
		() => left.abort(),
	);
	using either = eitherSignal(signal, left.signal);
	try {
		const result = await shell.run(script, {
			stdin: stream,
			env: { TERM: 'vt102' },
			maxOutputBytes: 0,
			signal: either.signal,
			onOutput: (name, bytes) => {
				if (name === 'stdout' && stream.writable) stream.write(bytes);
			},
		});
		if (result.status !== 0) {
			const said = result.stderr.toString().trim();
			throw new GuestError('exec', `the guest provides no terminal: ${said === '' ? `status ${result.status}` : said}`);
		}
	} catch (error) {
		// The user has left, so drop the output.
		if (!left.signal.aborted || signal?.aborted === true) throw error;
	} finally {
		stream.end();
		await Promise.race([gone, finished(stream).catch(() => undefined)]);
	}
}

/** The user's end of {@link serveTerminal}. */
export class TerminalClient {
	#state: 'text' | 'command' | 'option' | 'parameters' | 'parameters-command' = 'text';

	/** Returns what the terminal shows for further received bytes. */
	receive(bytes: Uint8Array): Buffer {
		const text: number[] = [];
		for (const byte of bytes) {
			if (this.#state === 'text') {
				if (byte === telnet.command) this.#state = 'command';
				else text.push(byte);
			} else if (this.#state === 'command') {
				// Do not answer options that the other side offers or requests: it does not wait for an answer.
				if (byte === telnet.command) text.push(byte);
				const hasMore = byte >= telnet.will && byte <= telnet.dont;
				this.#state = byte === telnet.begin ? 'parameters' : hasMore ? 'option' : 'text';
			} else if (this.#state === 'option') this.#state = 'text';
			else if (this.#state === 'parameters') {
				if (byte === telnet.command) this.#state = 'parameters-command';
			} else this.#state = byte === telnet.end ? 'text' : 'parameters';
		}
		return Buffer.from(text);
	}

	/** Returns the bytes to send for typed input. */
	send(typed: Uint8Array): Buffer {
		return Buffer.from([...typed].flatMap(byte => (byte === telnet.command ? [byte, byte] : [byte])));
	}

	/** Returns the bytes that report the size of the user's window, in characters. */
	windowSize(columns: number, rows: number): Buffer {
		const size = Buffer.alloc(4);
		size.writeUInt16BE(columns, 0);
		size.writeUInt16BE(rows, 2);
		const { command, begin, end, windowSize } = telnet;
		return Buffer.concat([Buffer.of(command, begin, windowSize), this.send(size), Buffer.of(command, end)]);
	}
}
