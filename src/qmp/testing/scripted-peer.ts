import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { type JsonValue, parseJson, stringifyJson } from '../../lib/text/json.ts';
import { JsonFramer } from '../wire/framing.ts';

/** A command as the scripted peer received it. */
export interface ScriptedCommand {
	readonly name: string;
	readonly args: JsonValue | undefined;
	readonly id: JsonValue | undefined;
	readonly oob: boolean;
	readonly text: string;
}

/** How a scripted peer answers a command: a `return` value, an error, or nothing. */
export type ScriptedAnswer =
	| { readonly value: unknown }
	| { readonly class: string; readonly desc: string }
	/** Written unchanged, without id. */
	| { readonly raw: string | Uint8Array }
	| 'never';

export const scriptedGreeting = {
	QMP: { version: { qemu: { micro: 2, minor: 0, major: 10 }, package: 'scripted' }, capabilities: ['oob'] },
};

/**
 * A fake QMP server for one connection, controlled by a test, for faults that QEMU does not produce on demand. By itself it
 * only reads commands and, as QEMU does, answers a byte 0xFF with an error without id.
 */
export class ScriptedPeer {
	readonly stream: Duplex;
	readonly received: ScriptedCommand[] = [];
	/** Number of times the client asked to resynchronise. */
	resynchronised = 0;
	readonly #framer = new JsonFramer();
	#waiting: ((command: ScriptedCommand) => void)[] = [];
	#unanswered: ScriptedCommand[] = [];
	#handler: ((command: ScriptedCommand) => ScriptedAnswer | undefined) | undefined;
	readonly ended: Promise<void>;

	constructor(stream: Duplex) {
		this.stream = stream;
		this.ended = new Promise(resolve => stream.once('close', resolve).once('end', resolve));
		stream.on('error', () => undefined);
		stream.on('data', (chunk: Buffer) => {
			for (const { text, broken } of this.#framer.push(chunk)) {
				if (broken === undefined) this.#take(text);
				else if (text.includes('\u00ff')) {
					this.resynchronised++;
					this.sendJson({ error: { class: 'GenericError', desc: "JSON parse error, stray '\ufffd'" } });
				}
			}
		});
	}

	#take(text: string): void {
		const message = parseJson(text) as { [name: string]: JsonValue };
		const command: ScriptedCommand = {
			name: String(message.execute ?? message['exec-oob']),
			args: message.arguments,
			id: message.id,
			oob: message['exec-oob'] !== undefined,
			text,
		};
		this.received.push(command);
		if (this.#handler !== undefined) {
			const answer = this.#handler(command);
			if (answer !== undefined) {
				this.answer(command, answer);
				return;
			}
		}
		const waiting = this.#waiting.shift();
		if (waiting === undefined) this.#unanswered.push(command);
		else waiting(command);
	}

	/** Answers all further commands with the handler. Commands for which it returns `undefined` are left to {@link next}. */
	serve(handler: (command: ScriptedCommand) => ScriptedAnswer | undefined): void {
		this.#handler = handler;
	}

	/** Waits for the next unanswered command. */
	next(): Promise<ScriptedCommand> {
		const command = this.#unanswered.shift();
		if (command !== undefined) return Promise.resolve(command);
		return new Promise(resolve => this.#waiting.push(resolve));
	}

	send(bytes: string | Uint8Array): void {
		if (this.stream.writable) this.stream.write(bytes);
	}

	/** Writes a message as QEMU does: one line, CRLF. */
	sendJson(message: unknown): void {
		this.send(`${stringifyJson(message)}\r\n`);
	}

	greet(): void {
		this.sendJson(scriptedGreeting);
	}

	event(event: string, data?: object): void {
		this.sendJson({ timestamp: { seconds: 1, microseconds: 2 }, event, ...(data === undefined ? {} : { data }) });
	}

	answer({ id }: ScriptedCommand, answer: ScriptedAnswer): void {
		if (answer === 'never') return;
		const withId = id === undefined ? {} : { id };
		if ('raw' in answer) this.send(answer.raw);
		else if ('value' in answer) this.sendJson({ return: answer.value, ...withId });
		else this.sendJson({ ...withId, error: { class: answer.class, desc: answer.desc } });
	}

	/**
	 * Sends the greeting, answers the negotiation, and passes the other commands to `handler` (default: return an empty
	 * object).
	 */
	welcome(handler: (command: ScriptedCommand) => ScriptedAnswer | undefined = () => ({ value: {} })): this {
		this.serve(command => (command.name === 'qmp_capabilities' ? { value: {} } : handler(command)));
		this.greet();
		return this;
	}

	/** Ends the connection as a process that exits does. */
	hangUp(): void {
		this.stream.end();
	}
}

/** Makes a scripted peer in memory, and the stream for the client. */
export function scriptedPair(): { peer: ScriptedPeer; stream: Duplex } {
	const [mine, yours] = duplexPair();
	return { peer: new ScriptedPeer(mine), stream: yours };
}

/** A scripted peer behind a Unix socket in its own folder. */
export interface ScriptedServer extends AsyncDisposable {
	readonly path: string;
	readonly peers: readonly ScriptedPeer[];
}

/** Listens, and passes each connection to `script`. */
export async function listenScripted(script: (peer: ScriptedPeer, index: number) => void): Promise<ScriptedServer> {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-peer-'));
	const address = path.join(folder, 'qmp.sock');
	const peers: ScriptedPeer[] = [];
	const server = net.createServer({ allowHalfOpen: true }, socket => {
		const peer = new ScriptedPeer(socket);
		peers.push(peer);
		script(peer, peers.length - 1);
	});
	await new Promise<void>(resolve => server.listen(address, resolve));
	return {
		path: address,
		peers,
		async [Symbol.asyncDispose]() {
			for (const { stream } of peers) stream.destroy();
			await new Promise(resolve => server.close(resolve));
			await rm(folder, { recursive: true, force: true });
		},
	};
}
