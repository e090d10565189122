import type { PatchSeries } from './series.ts';

/** A sentence in which a series says what it does. */
export interface Statement {
	/** `cover letter`, `patch N`, or the documentation that the sentence is added to. */
	readonly where: string;
	readonly text: string;
}

/** A series that says more is not summed up by its sentences. */
const mostStatements = 400;
const longestText = 256 * 1024;

/**
 * Collects the sentences in which a series says what it does: of the cover letter, of commit messages, and of what it adds to
 * documentation. Leaves out what is quoted, trailers, the history of versions and lists of files. Pure, in linear time.
 */
export function statementsOf({ cover, patches }: Pick<PatchSeries, 'cover' | 'patches'>): Statement[] {
	const messages = [
		...(cover === undefined ? [] : [{ where: 'cover letter', text: cover }]),
		...patches.map(({ message, part }, at) => ({ where: `patch ${part ?? at + 1}`, text: message })),
	];
	const said = messages.flatMap(({ where, text }) =>
		sentencesOf(messageLines(text)).map(one => ({ where, text: one })),
	);
	const documented = patches.flatMap(patch =>
		addedDocumentation(patch.diff.subarray(0, longestText * 4).toString('utf8')),
	);
	const seen = new Set<string>();
	return [...said, ...documented].filter(({ text }) => !seen.has(text) && seen.add(text)).slice(0, mostStatements);
}

const endOfMessage =
	/^(?:---\s*$|-- $|(?:changes|changelog|v\d+)\b.{0,40}:\s*$|change(?:s|d)? (?:in|since|from) v?\d)/i;
const trailer =
	/^(?:[A-Z][\w-]{1,40}(?:-[Bb]y|-[Tt]o|-[Ii]d|-[Oo]n)|Cc|To|Link|Fixes|Closes|base-commit|change-id|prerequisite-[\w-]+):/;

/** The lines of a message that are its author's own words about the change. */
function messageLines(text: string): string[] {
	const lines = text.slice(0, longestText).split(/\r?\n/);
	const end = lines.findIndex(line => endOfMessage.test(line));
	return lines.slice(0, end === -1 ? undefined : end).filter(line => !/^\s*>/.test(line) && !trailer.test(line));
}

/** Lines that a diff adds to documentation: manuals, help texts, comments of the QAPI schema. */
function addedDocumentation(diff: string): Statement[] {
	const found: Statement[] = [];
	let file: string | undefined;
	let lines: string[] = [];
	const flush = () => {
		if (file !== undefined) for (const text of sentencesOf(lines)) found.push({ where: file, text });
		lines = [];
	};
	for (const line of diff.split('\n')) {
		const named = /^\+\+\+ (?:b\/)?([^\t\r]{1,500})/.exec(line);
		if (named !== null || line.startsWith('diff --git ')) {
			flush();
			file = named !== null && isDocumentation(named[1]!) ? named[1]!.trim() : undefined;
		} else if (file === undefined) continue;
		else if (line.startsWith('+')) lines.push(/^\+\s*"/.test(line) ? '' : line.slice(1).replace(/^\s*#?/, ''));
		else flush();
	}
	flush();
	return found;
}

const isDocumentation = (name: string) =>
	/^(?:docs|Documentation)\/|\.(?:rst|texi|hx|md|adoc)$|^qapi\/.*\.json$/.test(name);

/** Joins lines to paragraphs, and divides these into sentences. */
function sentencesOf(lines: readonly string[]): string[] {
	const paragraphs: string[] = [];
	let current = '';
	for (const line of [...lines, '']) {
		const words = line.trim();
		const begins = /^(?:[-*]|\d{1,3}[.)])\s+/.exec(words)?.[0];
		if (words === '' || begins !== undefined) {
			if (current !== '') paragraphs.push(current);
			current = begins === undefined ? '' : words.slice(begins.length);
		} else current = current === '' ? words : `${current} ${words}`;
	}
	return paragraphs
		.flatMap(paragraph => paragraph.slice(0, 5000).split(/(?<=[.!?]) +(?=[A-Z`'"])/))
		.map(sentence => sentence.replaceAll(/\s+/g, ' ').trim())
		.filter(sentence => /[a-z]{2}.* .*[a-z]{2}/i.test(sentence));
}
