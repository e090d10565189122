/*
 * Text that somebody else wrote: a host, a QEMU, a guest, a build. It may be of any length and hold any character.
 */

/** Longest part of foreign text that a message or a line of evidence quotes, in characters. */
const quotedCharacters = 1000;

/** Foreign text for a message: the first `most` characters, and how many there were where that is not all. */
export function shorten(text: string, most = quotedCharacters): string {
	return text.length <= most ? text : `${text.slice(0, most)}... (${text.length} characters)`;
}

/** The last `count` lines of foreign text that are not empty, oldest first, each shortened. */
export function lastLinesOf(text: string, count = 10): string[] {
	// The end is enough, however long the text is.
	const end = text.slice(-count * 2 * quotedCharacters);
	return end
		.split(/\r?\n/)
		.filter(line => line.trim() !== '')
		.slice(-count)
		.map(line => shorten(line));
}

/**
 * Characters that do something to a terminal or to how text is read, instead of being seen: control characters (Cc),
 * format characters such as marks of writing direction and zero-width ones (Cf), separators of lines and paragraphs
 * (Zl, Zp), and halves of surrogate pairs (Cs).
 */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** All text passes here on its way to a terminal, and most needs no change. */
const mayBeUnseen = /[^\n\t\x20-\x7e]/;

/**
 * Foreign text as a terminal may show it: every character of it is seen, none is obeyed. Line feeds and tabs stay; others
 * become `\x1b` or `\u202e`, which inside a string of JSON mean the same character. A carriage return before a line feed
 * is dropped.
 */
export function visible(text: string): string {
	if (!mayBeUnseen.test(text)) return text;
	return text.replaceAll('\r\n', '\n').replace(unseen, character => {
		if (character === '\n' || character === '\t') return character;
		const code = character.codePointAt(0)!;
		// JSON has no control characters below 0x20 outside of escapes, and no form with \x.
		if (code < 0x20) return `\\x${code.toString(16).padStart(2, '0')}`;
		if (code <= 0xffff) return escape16(code);
		return escape16(0xd800 + ((code - 0x10000) >> 10)) + escape16(0xdc00 + ((code - 0x10000) & 0x3ff));
	});
}

function escape16(unit: number): string {
	return `\\u${unit.toString(16).padStart(4, '0')}`;
}
