/**
 * One word for a POSIX shell, quoted so that the shell gives back exactly `word` (POSIX.1-2024 2.2.2: within single
 * quotes every character but the single quote stands for itself).
 */
export function quoteWord(word: string): string {
	if (/^[\w@%+=:,./-]+$/.test(word)) return word;
	return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line that a POSIX shell splits into exactly `argv`. */
export function quoteCommand(argv: readonly string[]): string {
	return argv.map(quoteWord).join(' ');
}
