/**
 * Quotes one word for a POSIX shell, so that the shell reads exactly `word` (POSIX.1-2024 2.2.2: within single quotes every
 * character except the single quote is literal).
 */
export function quoteWord(word: string): string {
	if (/^[\w@%+=:,./-]+$/.test(word)) return word;
	return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Makes a command line that a POSIX shell splits into exactly `argv`. */
export function quoteCommand(argv: readonly string[]): string {
	return argv.map(quoteWord).join(' ');
}
