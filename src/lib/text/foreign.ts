/*
 * Text from outside: a host, a QEMU, a guest, a build. It may have any length and contain any character.
 */

/** Maximum length of foreign text in a message or a line of evidence, in characters. */
const quotedCharacters = 1000;

/** Shortens foreign text for a message: the first `most` characters, plus the total length if text was cut. */
export function shorten(text: string, most = quotedCharacters): string {
	return text.length <= most ? text : `${text.slice(0, most)}... (${text.length} characters)`;
}

/** Returns the last `count` non-empty lines of foreign text, oldest first, each shortened. */
export function lastLinesOf(text: string, count = 10): string[] {
	// Only look at the end, however long the text is.
	const end = text.slice(-count * 2 * quotedCharacters);
	return end
		.split(/\r?\n/)
		.filter(line => line.trim() !== '')
		.slice(-count)
		.map(line => shorten(line));
}

/**
 * Invisible characters that control a terminal or change how text is read: control characters (Cc), format characters such as
 * writing direction marks and zero-width characters (Cf), line and paragraph separators (Zl, Zp), and unpaired surrogates
 * (Cs).
 */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A fast check: all text for a terminal passes through here, and most needs no change. */
const mayBeUnseen = /[^\n\t\x20-\x7e]/;

/**
 * Makes foreign text safe for a terminal: every character is visible and none has an effect. Keeps line feeds and tabs.
 * Replaces others with `\x1b` or `\u202e`, which mean the same character in a JSON string. Drops a carriage return before a
 * line feed.
 */
export function visible(text: string): string {
	if (!mayBeUnseen.test(text)) return text;
	return text.replaceAll('\r\n', '\n').replace(unseen, character => {
		if (character === '\n' || character === '\t') return character;
		const code = character.codePointAt(0)!;
		// JSON escapes control characters below 0x20 itself, and has no \x form.
		if (code < 0x20) return `\\x${code.toString(16).padStart(2, '0')}`;
		if (code <= 0xffff) return escape16(code);
		return escape16(0xd800 + ((code - 0x10000) >> 10)) + escape16(0xdc00 + ((code - 0x10000) & 0x3ff));
	});
}

function escape16(unit: number): string {
	return `\\u${unit.toString(16).padStart(4, '0')}`;
}
