import { visible } from '../lib/text/foreign.ts';

/**
 * Escapes text for XML. XML 1.0 (production [2]) cannot represent most control characters, not even as references: these, and
 * what cannot be seen, are spelled out.
 */
export function text(value: string): string {
	return visible(value).replaceAll(special, character => entities[character] ?? '\u{FFFD}');
}

/** In one pass: text of a guest may be long, and consist of nothing else. */
const special = /[&<>]|[^\t\n\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;
const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Escapes text for an attribute in double quotes, in one line. */
export function attribute(value: string): string {
	return text(value)
		.replaceAll('"', '&quot;')
		.replaceAll(/[\t\n]/g, ' ');
}
