import type { Duplex } from 'node:stream';
import type { QmpDirection } from '../wire/recording.ts';

/** The output of a connection. Everything sent in one turn of the event loop goes out in one write. */
export class Outbox {
	readonly #stream: Duplex;
	readonly #record: (direction: QmpDirection, text: string) => void;
	#text = '';
	#scheduled = false;

	constructor(stream: Duplex, record: (direction: QmpDirection, text: string) => void) {
		this.#stream = stream;
		this.#record = record;
	}

	send(text: string): void {
		this.#record('sent', text);
		this.#text += text;
		if (this.#scheduled) return;
		this.#scheduled = true;
		queueMicrotask(this.flush);
	}

	/** Sends a byte that is not text, after everything sent before it. */
	sendByte(byte: number): void {
		this.flush();
		this.#record('sent', String.fromCharCode(byte));
		if (this.#stream.writable) this.#stream.write(Buffer.of(byte));
	}

	readonly flush = (): void => {
		this.#scheduled = false;
		if (this.#text === '') return;
		const text = this.#text;
		this.#text = '';
		// A socket that is no longer writable reports that through its own events.
		if (this.#stream.writable) this.#stream.write(text);
	};
}
