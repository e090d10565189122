import { UsageError } from '../../src/lib/index.ts';

/**
 * Splits a line into words like a POSIX shell: at blanks, except within quotes of both kinds and after a backslash. A
 * word that begins with `{` or `[` extends to the matching bracket, so that raw JSON needs no quotes.
 *
 * @throws UsageError for an unclosed quote or bracket
 */
export function splitWords(line: string): string[] {
	const words: string[] = [];
	let at = 0;
	while (at < line.length) {
		if (/\s/.test(line[at]!)) {
			at++;
			continue;
		}
		let word = '';
		while (at < line.length && !/\s/.test(line[at]!)) {
			const character = line[at]!;
			if (character === "'" || character === '"') {
				const [text, after] = quoted(line, at);
				word += text;
				at = after;
			} else if ((character === '{' || character === '[') && (word === '' || word.endsWith('='))) {
				const after = endOfJson(line, at);
				word += line.slice(at, after);
				at = after;
			} else if (character === '\\' && at + 1 < line.length) {
				word += line[at + 1];
				at += 2;
			} else {
				word += character;
				at++;
			}
		}
		words.push(word);
	}
	return words;
}

function quoted(line: string, start: number): [text: string, after: number] {
	const quote = line[start]!;
	let text = '';
	for (let at = start + 1; at < line.length; at++) {
		if (line[at] === quote) return [text, at + 1];
		if (line[at] === '\\' && quote === '"' && /["\\]/.test(line[at + 1] ?? '')) at++;
		text += line[at];
	}
	throw new UsageError(`the quote ${quote} in '${line}' is not closed`);
}

function endOfJson(line: string, start: number): number {
	let depth = 0;
	for (let at = start; at < line.length; at++) {
		const character = line[at]!;
		if (character === '"') {
			for (at++; at < line.length && line[at] !== '"'; at++) if (line[at] === '\\') at++;
		} else if (character === '{' || character === '[') depth++;
		else if ((character === '}' || character === ']') && --depth === 0) return at + 1;
	}
	throw new UsageError(`the bracket ${line[start]} in '${line}' is not closed`);
}
