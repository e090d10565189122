import { StringDecoder } from 'node:string_decoder';
import { rendered, type ScreenText } from '../../src/lib/index.ts';

/** A terminal, pipe or file as Node gives it. */
export type RawOutput = NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number };

/**
 * Where a command writes for its user. Words of hosts, QEMUs, guests and builds come here from everywhere: all that is
 * written is made visible on its way, but for control sequences of our own.
 */
export interface Output {
	/** `false` when the reader is slow, as of a stream. */
	write(text: ScreenText | Uint8Array): boolean;
	readonly isTTY: boolean;
	readonly columns: number | undefined;
	readonly rows: number | undefined;
	/** The stream itself: for a guest's console and for who draws a prompt. Whoever writes here answers for every byte. */
	readonly raw: RawOutput;
}

/** The door of a terminal, pipe or file. */
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
