/**
 * A report in parts that every format can show. What stands in it is text: it may come from a patch, a guest or a foreign
 * file, and each renderer shows it without letting it act.
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
	/** One or two words that say how to take it, such as `regression`. */
	readonly tag?: string | undefined;
	readonly text: string;
	/** More about it, less important. */
	readonly detail?: string | undefined;
	/** A command that shows it, as words for a shell. */
	readonly command?: readonly string[] | undefined;
	/** Text and detail are cut after so many lines of a screen; one more in a mail. Pages have all of it. */
	readonly lines?: number | undefined;
	/** Further lines, such as the ids of its cells. */
	readonly more?: readonly string[] | undefined;
}

/** Longest text of one part of a report. A reason is shorter; a line of a console may be a megabyte. */
const longest = 2000;

/** Makes text one line without control characters, of bounded length: what every renderer begins with. */
export function oneLine(text: string, most = longest): string {
	const cut = text.length > most ? `${text.slice(0, most)}... (${text.length} characters)` : text;
	return cut.replaceAll(/\s+/g, ' ').trim();
}
