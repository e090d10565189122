import { visible } from '../../lib/text/foreign.ts';
import { quoteCommand } from '../../lib/text/quote.ts';
import { type Block, type ListItem, oneLine, type ReportDocument, spaced } from './blocks.ts';

/** Renders a report as Markdown with GitHub's tables: for a pull request, a job summary, or a file. */
export function markdownFrom({ title, blocks }: ReportDocument): string {
	return `${[`# ${markdownText(title)}`, ...blocks.map(blockOf)].join('\n\n')}\n`;
}

function blockOf(block: Block): string {
	switch (block.kind) {
		case 'heading':
			return `## ${markdownText(block.text)}`;
		case 'text':
			return markdownText(block.text);
		case 'lines':
			return block.lines.map(line => `    ${spaced(line)}`).join('\n');
		case 'list':
			return block.items.map(itemOf).join('\n');
		case 'table':
			return [
				row(block.head.map(markdownText)),
				row(block.head.map(() => '---')),
				...block.rows.map(cells => row(block.head.map((_, at) => markdownText(cells[at] ?? '')))),
			].join('\n');
	}
}

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

function itemOf({ tag, text, detail, links = [], block = [], command, more = [] }: ListItem): string {
	const label = tag === undefined ? '' : `**${markdownText(tag)}**: `;
	return [
		`- ${label}${markdownText(text)}`,
		...(detail === undefined || detail === '' ? [] : [`  <br>${markdownText(detail)}`]),
		...(links.length === 0
			? []
			: [`  <br>${links.map(({ text: name, href }) => `[${markdownText(name)}](<${hrefText(href)}>)`).join(', ')}`]),
		...(block.length === 0 ? [] : fenced(block.map(spaced)).map(line => `  ${line}`)),
		...(command === undefined
			? []
			: [
					`  ${block.length === 0 ? '<br>' : ''}${markdownCode(quoteCommand(command.map(word => visible(oneLine(word)))))}`,
				]),
		...more.map(line => `  - ${markdownCode(line)}`),
	].join('\n');
}

/** A block of code; no line of it ends the block. */
function fenced(lines: readonly string[]): string[] {
	const longest = lines.flatMap(line => line.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
	const fence = '`'.repeat(longest + 1);
	return [`${fence}text`, ...lines, fence];
}

/** An address between `<` and `>`. */
const hrefText = (href: string) => visible(oneLine(href)).replaceAll(/[<>\\]/g, encodeURIComponent);

/** Escapes text that Markdown or HTML would interpret, in one line. */
export function markdownText(value: string): string {
	return visible(oneLine(value))
		.replaceAll('&', '&amp;')
		.replaceAll('<', '&lt;')
		.replaceAll('>', '&gt;')
		.replaceAll(/[\\`*_[\]|~#!]/g, '\\$&')
		.replaceAll('@', '&#64;')
		.replaceAll(/^([-+=]|\d+[.)])/g, matched =>
			/^\d/.test(matched) ? `${matched.slice(0, -1)}\\${matched.at(-1)}` : `\\${matched}`,
		)
		.replaceAll(/\b(https?|ftp|www)(?=[:.])/gi, '$1&#8203;');
}

/** Formats inline code. In a table, `|` ends the column even inside code, unless it is escaped. */
export function markdownCode(value: string): string {
	const plain = visible(oneLine(value));
	const longest = (plain.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
	const fence = '`'.repeat(longest + 1);
	const pad = longest > 0 || plain === '' ? ' ' : '';
	return `${fence}${pad}${plain.replaceAll('|', '\\|')}${pad}${fence}`;
}
