import { withoutSource } from './failure.ts';

/** A compiler's warning in a file of the source: `FILE:LINE:COLUMN: warning: TEXT [-Woption]`. */
const warning = /^((?:\.\.\/)*(?:source\/)?([^\s:]{1,300})):\d{1,7}:\d{1,7}: warning: (.{1,500})$/;

/** Warnings of a build's output by file and text; the line moves when others are added above it. */
function warningsIn(log: string): Map<string, string[]> {
	const found = new Map<string, string[]>();
	const seen = new Set<string>();
	for (const line of log.split('\n')) {
		const match = line.length > 1000 ? null : warning.exec(line);
		if (match === null) continue;
		// A header's warning is printed for each file that includes it.
		if (seen.has(line)) continue;
		seen.add(line);
		const key = `${match[2]}: ${match[3]}`;
		found.set(key, [...(found.get(key) ?? []), withoutSource(line)]);
	}
	return found;
}

/**
 * Finds the warnings in a build's output that the outputs of earlier builds of the same source do not have, in order. A file that is
 * compiled again repeats its warnings; of several alike in one file, only those beyond the earlier number are new.
 */
export function newWarnings(earlier: readonly string[], log: string): string[] {
	const known = new Map<string, number>();
	for (const text of earlier) {
		for (const [key, lines] of warningsIn(text)) known.set(key, Math.max(known.get(key) ?? 0, lines.length));
	}
	return [...warningsIn(log)].flatMap(([key, lines]) => lines.slice(known.get(key) ?? 0));
}
