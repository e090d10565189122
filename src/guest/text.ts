import { shorten } from '../lib/text/foreign.ts';

/** Escape sequences of ECMA-48 (CSI, OSC and other strings, two-byte ones) and control characters except tab and newline. */
const controls =
	/\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]|[\x00-\x08\x0b-\x1f\x7f]/g;

/** An incomplete escape sequence. */
const unfinished = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,256}\x1b?|[ -/]*)$/;

/** Converts a console's bytes into readable text: UTF-8, without escape sequences and carriage returns. */
export class TextCleaner {
	readonly #decoder = new TextDecoder('utf-8');
	#held = '';

	/** Returns the text of further bytes. Holds back an incomplete character or escape sequence. */
	push(bytes: Uint8Array): string {
		let text = this.#held + this.#decoder.decode(bytes, { stream: true });
		this.#held = '';
		const at = text.lastIndexOf('\x1b');
		if (at !== -1 && text.length - at < 300 && unfinished.test(text.slice(at))) {
			this.#held = text.slice(at);
			text = text.slice(0, at);
		}
		return text.replace(controls, '');
	}
}

/**
 * Keeps the end of a text stream and its last lines in bounded memory. Positions count characters from the start of the stream.
 */
export class TextTail {
	readonly #keep: number;
	#text = '';
	#start = 0;

	constructor(keepCharacters: number) {
		this.#keep = keepCharacters;
	}

	/** The position after the last character. */
	get end(): number {
		return this.#start + this.#text.length;
	}

	append(text: string): void {
		this.#text += text;
		if (this.#text.length > 2 * this.#keep) {
			const cut = this.#text.length - this.#keep;
			this.#text = this.#text.slice(cut);
			this.#start += cut;
		}
	}

	/** The text from a position on, as far as it is still buffered. */
	from(position: number): { readonly text: string; readonly start: number } {
		const offset = Math.max(0, position - this.#start);
		return { text: this.#text.slice(offset), start: this.#start + offset };
	}

	/** The last lines, oldest first, including an unterminated one. */
	lastLines(count: number): string[] {
		const lines = this.#text.slice(-count * 200).split('\n');
		if (lines.at(-1) === '') lines.pop();
		return lines.slice(-count).map(line => shorten(line));
	}
}
