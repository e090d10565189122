import { visible } from './foreign.ts';

/** A control sequence of a terminal. Only we make them: what others write is text, whatever it holds. */
export class ControlSequence {
	readonly text: string;

	/** Use {@link screen}. */
	constructor(text: string) {
		this.text = text;
	}
}

/** Text for a terminal: words, of which nothing is obeyed, and what moves the cursor or colours the words. */
export type ScreenText = string | readonly (string | ControlSequence)[];

/** The control sequences that we use (ECMA-48). */
export const screen = {
	/** Goes to the beginning of the line and clears it. */
	clearLine: new ControlSequence('\r\x1b[K'),
	/** Shows what follows as a parameter of SGR says, such as 31 for red. */
	colour: (code: number) => new ControlSequence(`\x1b[${Math.trunc(code)}m`),
	plain: new ControlSequence('\x1b[0m'),
} as const;

/** What to write to a terminal. Every text that reaches one passes here. */
export function rendered(text: ScreenText): string {
	if (typeof text === 'string') return visible(text);
	return text.map(part => (typeof part === 'string' ? visible(part) : part.text)).join('');
}
