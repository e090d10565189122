import { StringDecoder } from 'node:string_decoder';
import { rendered, type ScreenText } from '../../src/lib/index.ts';

/** A terminal, pipe or file, as provided by Node. */
export type RawOutput = NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number };

/**
 * A command's output. Text may come from hosts, QEMUs, guests and builds, so control characters are made visible,
 * except our own sequences.
 */
export interface Output {
	/** Returns `false` if the reader is slow, like a stream's write. */
	write(text: ScreenText | Uint8Array): boolean;
	readonly isTTY: boolean;
	readonly columns: number | undefined;
	readonly rows: number | undefined;
	/** The raw stream, for a guest's console and for prompts. Callers are responsible for every byte. */
	readonly raw: RawOutput;
}

/** Makes the escaped output to a terminal, pipe or file. */
export function outputTo(raw: RawOutput): Output {
	const decoder = new StringDecoder('utf8');
	return {
		write: text => {
			const shown = rendered(text instanceof Uint8Array ? decoder.write(Buffer.from(text)) : text);
			return shown === '' || raw.write(shown);
		},
		get isTTY() {
			return raw.isTTY === true;
		},
		get columns() {
			return raw.columns;
		},
		get rows() {
			return raw.rows;
		},
		raw,
	};
}
