import { visible } from './foreign.ts';

/** A terminal control sequence. Only vpmu makes these: foreign text stays text, whatever it contains. */
export class ControlSequence {
	readonly text: string;

	/** Use {@link screen}. */
	constructor(text: string) {
		this.text = text;
	}
}

/**
 * Text for a terminal: plain words, without effect on the terminal, and control sequences that move the cursor or set
 * colours.
 */
export type ScreenText = string | readonly (string | ControlSequence)[];

/** The control sequences in use (ECMA-48). */
export const screen = {
	/** Moves to the beginning of the line and clears it. */
	clearLine: new ControlSequence('\r\x1b[K'),
	/** Moves up by some lines. */
	up: (lines: number) => new ControlSequence(`\x1b[${Math.trunc(lines)}A`),
	/** Clears from the cursor to the end of the screen. */
	clearBelow: new ControlSequence('\x1b[J'),
	/** Sets the style of the following text to an SGR parameter, such as 31 for red. */
	colour: (code: number) => new ControlSequence(`\x1b[${Math.trunc(code)}m`),
	plain: new ControlSequence('\x1b[0m'),
} as const;

/** Renders text for a terminal. All terminal output passes through here. */
export function rendered(text: ScreenText): string {
	if (typeof text === 'string') return visible(text);
	return text.map(part => (typeof part === 'string' ? visible(part) : part.text)).join('');
}
