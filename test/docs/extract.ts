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

/** Lines of a document that are set off as code: a fenced block, or lines indented by four blanks. */
export interface CodeBlock {
	readonly document: string;
	/** Of the first line, from 1. */
	readonly line: number;
	/** What stands after the fence, such as `ts run`; `''` for none. */
	readonly language: string;
	readonly text: string;
}

/** A command that a document shows or names. */
export interface ShownCommand {
	/** `README.md:12`. */
	readonly where: string;
	/** As it stands there, without its comment. */
	readonly text: string;
}

/** Code blocks of a document's text. Pure. */
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

/** How a line begins that is a command and no output. */
const commandStart =
	/^(\$ )?([A-Z_]+=\S+ )*(npx|npm|vpmu|node|git|export|printf|echo|mkdir|unshare|mount|qemu-system-\w+|cd|sudo|\.\/)\b/;

/** Commands of the code blocks that hold any; a line that ends with a backslash goes on. Pure. */
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

/** Commands that stand in a sentence: `vpmu list`. Those with `…` or `|` are patterns and not commands. Pure. */
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

/** The words of the simple commands of a line, as a shell would run them. Quotes keep words together. Pure. */
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

/** The text of a document. */
export const readDocument = (document: string): string => readFileSync(path.join(root, document), 'utf8');
