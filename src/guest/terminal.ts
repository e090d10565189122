import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { WaitOptions } from '../lib/deadline.ts';
import { eitherSignal } from '../lib/either-signal.ts';
import { GuestError } from './errors.ts';
import type { GuestShell } from './shell.ts';

/** Numbers of the telnet protocol (RFC 854, RFC 1073). */
const telnet = { end: 240, begin: 250, will: 251, dont: 254, command: 255, windowSize: 31 } as const;

/** A shell on a terminal of its own: where the console is the agent's, only a pseudo-terminal can be a person's. */
const script = [
	'mkdir -p /dev/pts',
	'[ -e /dev/pts/ptmx ] || mount -t devpts devpts /dev/pts',
	'cd /root 2>/dev/null',
	'exec telnetd -i -K -f /dev/null -l /bin/sh',
].join('\n');

/**
 * Gives a shell on a terminal in a guest to whoever is at the other end of `stream`, who speaks telnet, as
 * {@link TerminalClient} does. Ends when the shell is left, the stream ends or the signal aborts; the stream is ended then.
 * The guest needs busybox' telnetd and pseudo-terminals.
 *
 * @throws GuestError kind `exec` when the guest has none, and as `GuestShell.run`; the signal's reason
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
			throw new GuestError('exec', `the guest gives no terminal: ${said === '' ? `status ${result.status}` : said}`);
		}
	} catch (error) {
		// Who has left wants nothing any more.
		if (!left.signal.aborted || signal?.aborted === true) throw error;
	} finally {
		stream.end();
		await Promise.race([gone, finished(stream).catch(() => undefined)]);
	}
}

/** The end of {@link serveTerminal} where the person is. */
export class TerminalClient {
	#state: 'text' | 'command' | 'option' | 'parameters' | 'parameters-command' = 'text';

	/** What the terminal shows of further bytes that came. */
	receive(bytes: Uint8Array): Buffer {
		const text: number[] = [];
		for (const byte of bytes) {
			if (this.#state === 'text') {
				if (byte === telnet.command) this.#state = 'command';
				else text.push(byte);
			} else if (this.#state === 'command') {
				// Options that the other side offers or asks for need no answer: it does not wait for one.
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

	/** The bytes to send for what was typed. */
	send(typed: Uint8Array): Buffer {
		return Buffer.from([...typed].flatMap(byte => (byte === telnet.command ? [byte, byte] : [byte])));
	}

	/** The bytes that tell the size of the person's window, in characters. */
	windowSize(columns: number, rows: number): Buffer {
		const size = Buffer.alloc(4);
		size.writeUInt16BE(columns, 0);
		size.writeUInt16BE(rows, 2);
		const { command, begin, end, windowSize } = telnet;
		return Buffer.concat([Buffer.of(command, begin, windowSize), this.send(size), Buffer.of(command, end)]);
	}
}
