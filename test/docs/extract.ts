import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Folder of the checkout. */
export const root = path.resolve(import.meta.dirname, '../..');

/** README and docs, relative to the checkout. */
export const documents: readonly string[] = [
	...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].filter(name => readdirSync(root).includes(name)),
	...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
		.filter(name => name.endsWith('.md'))
		.sort()
		.map(name => path.join('docs', name)),
];

/** Lines of a document set as code: a fenced block, or lines indented by four blanks. */
export interface CodeBlock {
	readonly document: string;
	/** Number of the first line, from 1. */
	readonly line: number;
	/** The text after the fence, such as `ts run`; `''` if there is none. */
	readonly language: string;
	readonly text: string;
}

/** A command in a document. */
export interface ShownCommand {
	/** `README.md:12`. */
	readonly where: string;
	/** As in the document, without its comment. */
	readonly text: string;
}

/** Returns the code blocks of a document's text. Pure. */
export function codeBlocks(document: string, text: string): CodeBlock[] {
	const blocks: CodeBlock[] = [];
	let open: { line: number; language: string; fence: string; lines: string[] } | undefined;
	const close = () => {
		if (open === undefined) return;
		blocks.push({ document, line: open.line, language: open.language, text: open.lines.join('\n') });
		open = undefined;
	};
	text.split('\n').forEach((line, index) => {
		const fence = /^\s*(```+|~~~+)(.*)$/.exec(line);
		if (open !== undefined && open.fence !== '') {
			if (fence !== null && fence[1]!.startsWith(open.fence) && fence[2]!.trim() === '') close();
			else open.lines.push(line);
		} else if (fence !== null) {
			close();
			open = { line: index + 2, language: fence[2]!.trim(), fence: fence[1]!, lines: [] };
		} else if (/^ {4}\S/.test(line) || (open !== undefined && /^ {4}/.test(line))) {
			open ??= { line: index + 1, language: '', fence: '', lines: [] };
			open.lines.push(line.slice(4));
		} else close();
	});
	close();
	return blocks;
}

/** How lines begin that are commands, not output. */
const commandStart =
	/^(\$ )?([A-Z_]+=\S+ )*(npx|npm|vpmu|node|git|export|printf|echo|mkdir|unshare|mount|qemu-system-\w+|cd|sudo|\.\/)\b/;

/** Returns the commands in code blocks; a backslash at the end continues a line. Pure. */
export function commandsOf({ document, line, language, text }: CodeBlock): ShownCommand[] {
	if (!['', 'sh', 'bash', 'console', 'shell'].includes(language)) return [];
	const commands: ShownCommand[] = [];
	let joined = '';
	let start = line;
	text.split('\n').forEach((one, index) => {
		if (joined === '' && !commandStart.test(one)) return;
		joined += one.replace(/\\$/, '');
		if (joined === one.replace(/\\$/, '')) start = line + index;
		if (one.endsWith('\\')) return;
		commands.push({ where: `${document}:${start}`, text: withoutComment(joined.replace(/^\$ /, '')) });
		joined = '';
	});
	return commands;
}

/** Returns commands within sentences, such as `vpmu list`. Skips those with `…` or `|`, which are patterns. Pure. */
export function namedCommands(document: string, text: string): ShownCommand[] {
	const commands: ShownCommand[] = [];
	let isFenced = false;
	text.split('\n').forEach((line, index) => {
		if (/^\s*```/.test(line)) isFenced = !isFenced;
		if (isFenced || /^ {4}/.test(line)) return;
		for (const [, command] of line.matchAll(/`((?:npx (?:vpmu|ava)|vpmu|npm) [a-z][^`|…]*)`/g)) {
			if (!command!.includes('...')) commands.push({ where: `${document}:${index + 1}`, text: command! });
		}
	});
	return commands;
}

/** A `#` after a blank begins a comment, unless it is quoted. */
function withoutComment(line: string): string {
	return (/^(?:'[^']*'|"[^"]*"|(?<!\s)#|[^'"#])*/.exec(line)?.[0] ?? line).trim();
}

/** Splits a line into simple commands and their words, like a shell. Pure. */
export function simpleCommands(line: string): string[][] {
	const commands: string[][] = [[]];
	for (const [, operator, single, double, plain] of line.matchAll(
		/(\|\||&&|[|;&])|'([^']*)'|"([^"]*)"|([^\s'"|;&]+(?:'[^']*'|"[^"]*"|[^\s'"|;&]+)*)/g,
	)) {
		if (operator !== undefined) commands.push([]);
		else commands.at(-1)!.push(single ?? double ?? plain!.replaceAll(/['"]/g, ''));
	}
	return commands.filter(words => words.length > 0);
}

/** Reads a document. */
export const readDocument = (document: string): string => readFileSync(path.join(root, document), 'utf8');
