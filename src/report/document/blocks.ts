import { visible } from '../../lib/text/foreign.ts';

/**
 * A report in parts that every format can show. Its text may come from a patch, a guest or a foreign file, and each
 * renderer must escape it.
 */
export interface ReportDocument {
	/** The first line, and the subject of a mail. */
	readonly title: string;
	readonly blocks: readonly Block[];
}

export type Block =
	| { readonly kind: 'heading'; readonly text: string }
	| { readonly kind: 'text'; readonly text: string }
	| { readonly kind: 'list'; readonly items: readonly ListItem[] }
	| {
			readonly kind: 'table';
			/** Empty headings: a table of names and values. */
			readonly head: readonly string[];
			readonly rows: readonly (readonly string[])[];
	  }
	/** Lines that stay as they are, such as a `Tested-by:` that is copied. */
	| { readonly kind: 'lines'; readonly lines: readonly string[] };

export interface ListItem {
	/** A label of one or two words, such as `regression`. */
	readonly tag?: string | undefined;
	readonly text: string;
	/** Less important details. */
	readonly detail?: string | undefined;
	/** Files that show it, for HTML and Markdown. */
	readonly links?: readonly Link[] | undefined;
	/** Lines whose blanks count, such as a small table. */
	readonly block?: readonly string[] | undefined;
	/** A command that shows it, as shell words. */
	readonly command?: readonly string[] | undefined;
	/** Text and details are cut after this many screen lines; mails get one more, pages show all. */
	readonly lines?: number | undefined;
	/** Further lines, such as the ids of its cells. */
	readonly more?: readonly string[] | undefined;
}

/** Something to open from a page. A screen of text has the details and the command instead. */
export interface Link {
	readonly text: string;
	/** A relative address or a `file:` URL, in which whoever makes it has escaped every name. */
	readonly href: string;
}

/** Longest text of one part of a report. Reasons are shorter, but a console line may be a megabyte. */
const longest = 2000;

/** Makes one line of text visible, with its blanks. */
export const spaced = (text: string) => visible(text.slice(0, longest)).replaceAll(/[\n\t]/g, ' ');

/** Makes text one line of limited length without control characters; every renderer begins with this. */
export function oneLine(text: string, most = longest): string {
	const cut = text.length > most ? `${text.slice(0, most)}... (${text.length} characters)` : text;
	return cut.replaceAll(/\s+/g, ' ').trim();
}
