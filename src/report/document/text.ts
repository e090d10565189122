import { visible } from '../../lib/text/foreign.ts';
import { quoteWord } from '../../lib/text/quote.ts';
import { type Block, type ListItem, oneLine, type ReportDocument, spaced } from './blocks.ts';

/**
 * Renders a report as plain text for a terminal or a mail, with no line longer than `width`, except for longer words such as paths.
 * Commands are continued with a backslash, so that they can be copied.
 *
 * @param width at least 40
 */
export function textOf({ title, blocks }: ReportDocument, width: number): string {
	const lines = blocks.flatMap(block => linesOf(block, width));
	// Only headings are set off by a blank line.
	return `${[...wrap(shown(title), width), ...lines].join('\n')}\n`;
}

/** Makes every character of a line visible. */
const shown = (text: string) => visible(oneLine(text)).replaceAll(/[\n\t]/g, ' ');

/** The labels of a block's lines stay visible beside what continues. */
const blockIndent = ' '.repeat(11);

function linesOf(block: Block, width: number): string[] {
	switch (block.kind) {
		case 'heading':
			return ['', ...wrap(shown(block.text), width)];
		case 'text':
			return wrap(shown(block.text), width);
		case 'lines':
			return block.lines.map(spaced);
		case 'list':
			return block.items.flatMap(item => itemLines(item, width));
		case 'table':
			return tableLines(block.head, block.rows, width);
	}
}

/** Columns of a screen; a narrower page uses more lines. */
const screenColumns = 100;

function itemLines(
	{ tag, text, detail = '', block = [], command, lines = Number.POSITIVE_INFINITY, more = [] }: ListItem,
	width: number,
): string[] {
	const label = tag === undefined ? '- ' : `${shown(tag)}: `;
	const most = width < screenColumns ? lines + 1 : lines;
	const isBrief = Number.isFinite(most);
	// If there are few lines, details continue on the line of the text.
	const said = isBrief && detail !== '' ? `${shown(text)} [${shown(detail)}]` : shown(text);
	return [
		...cutLines(wrap(`${label}${said}`, width, '  ', label.length), most, width),
		...(isBrief || detail === '' ? [] : wrap(shown(detail), width - 2, '').map(line => `  ${line}`)),
		...block.flatMap(line => wrap(spaced(line), width - 4, blockIndent).map(part => `    ${part}`)),
		...(command === undefined ? [] : commandLines(command, width)),
		...more.flatMap(line => wrap(`- ${shown(line)}`, width - 4, '  ', 2).map(part => `    ${part}`)),
	];
}

function cutLines(lines: readonly string[], most: number, width: number): readonly string[] {
	if (lines.length <= most) return lines;
	const [last] = cutAt(lines[most - 1]!, width - 3);
	return [...lines.slice(0, most - 1), `${last.trimEnd()}...`];
}

function tableLines(head: readonly string[], rows: readonly (readonly string[])[], width: number): string[] {
	const cells = [...(head.every(name => name === '') ? [] : [head]), ...rows].map(row => row.map(shown));
	const columns = Math.max(0, ...cells.map(row => row.length));
	const widths = Array.from({ length: columns }, (_, at) =>
		Math.min(Math.max(...cells.map(row => columnsOf(row[at] ?? ''))), Math.floor(width / 3)),
	);
	return cells.flatMap(row => {
		const first = row.slice(0, -1).map((cell, at) => pad(cell, widths[at]!));
		const indent = first.join('  ').length + (first.length === 0 ? 0 : 2);
		if (first.some((cell, at) => columnsOf(cell) > widths[at]!) || indent > width / 1.5) {
			return wrap(row.join('  '), width, '    ');
		}
		return wrap(`${first.map(cell => `${cell}  `).join('')}${row.at(-1) ?? ''}`, width, ' '.repeat(indent), indent);
	});
}

const pad = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - columnsOf(text)));

/** Returns a text's width on a terminal in columns; East Asian wide characters take two. */
function columnsOf(text: string): number {
	if (/^[\x20-\x7e]*$/.test(text)) return text.length;
	let columns = 0;
	for (const character of text) columns += wide.test(character) ? 2 : /\p{M}/u.test(character) ? 0 : 1;
	return columns;
}

const wide =
	/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/**
 * Wraps text at blanks. A word that is longer than a line stays whole, so that it can be copied. Keeps blanks within a line.
 *
 * @param label columns of a mark or label at the start, which does not stand alone before such a word
 */
function wrap(text: string, width: number, indent = '', label = 0): string[] {
	const lines: string[] = [];
	let line = '';
	for (const word of text.split(/(?<= )(?=[^ ])/).flatMap(piecesOf)) {
		const fits = (start: string) => columnsOf((start + word).trimEnd()) <= width;
		const isLabel = lines.length === 0 && columnsOf(line) <= label;
		if (line.trim() === '' || fits(line) || (isLabel && !fits(indent))) line += word;
		else {
			lines.push(line.trimEnd());
			line = indent + word;
		}
	}
	return [...lines, line.trimEnd()];
}

/** Longest word in columns: no path or id is longer, and mail servers break lines of 1000 bytes. */
const longestWord = 400;

function piecesOf(word: string): string[] {
	const [piece, rest] = cutAt(word, longestWord);
	return rest === '' ? [piece] : [piece, ...piecesOf(rest)];
}

/** Splits text after as many characters as fit in the columns, at least one. */
function cutAt(text: string, columns: number): [string, string] {
	let [end, used] = [0, 0];
	for (const character of text) {
		const own = columnsOf(character);
		if (end > 0 && used + own > columns) break;
		end += character.length;
		used += own;
	}
	return [text.slice(0, end), text.slice(end)];
}

/**
 * Writes a command for a POSIX shell over several lines: `\\` at the end of a line joins it with the next. A word is never
 * broken, so one that is longer than a line, such as a path, makes its line longer than `width`.
 */
export function commandLines(command: readonly string[], width: number): string[] {
	const lines: string[] = [];
	let line = '    $';
	for (const word of command.map(one => quoteWord(visible(oneLine(one))))) {
		const fits = (start: string) => columnsOf(`${start} ${word} \\`) <= width;
		if (fits(line) || !fits('     ')) line += ` ${word}`;
		else {
			lines.push(`${line} \\`);
			line = `      ${word}`;
		}
	}
	return [...lines, line];
}
