import { readFileSync } from 'node:fs';
import { UsageError } from '../../../src/lib/index.ts';
import type { CellResult } from '../../../src/run/index.ts';
import { nearest } from '../../usage/unknown-name.ts';

/** One line of a quarantine list: cells whose failures are expected until a day. */
export interface QuarantineEntry {
	/** A cell's id or a case's name; `*` stands for any characters, `?` for one. */
	readonly cells: string;
	/** The last day, `YYYY-MM-DD` (UTC). */
	readonly until: string;
	readonly reason: string;
}

/**
 * Parses a quarantine list. Each line has cells, last day and reason, such as `counting/slope[*,virt-9.2] 2027-01-31
 * counts twice, issue 12`. Skips empty lines and lines that begin with `#`.
 *
 * @param cases names of all cases; a line that matches none of them is an error
 * @throws UsageError naming file and line
 */
export function parseQuarantine(text: string, file: string, cases: readonly string[]): QuarantineEntry[] {
	return text.split('\n').flatMap((line, index) => {
		if (/^\s*(#|$)/.test(line)) return [];
		const where = `line ${index + 1} of quarantine list '${file}'`;
		const match = /^(\S+)\s+(\S+)\s+(\S.*)$/.exec(line.trim());
		if (match === null) throw new UsageError(`${where} is '${line.trim()}'; allowed: CELLS YYYY-MM-DD REASON`);
		const [, cells = '', until = '', reason = ''] = match;
		if (!isDay(until)) throw new UsageError(`'${until}' in ${where} is not a day; allowed: YYYY-MM-DD`);
		const wanted = cells.replace(/\[.*$/, '');
		const expression = globExpression(wanted);
		if (!cases.some(name => expression.test(name))) {
			const meant = nearest(wanted, cases);
			throw new UsageError(
				`'${cells}' in ${where} names no case${meant === undefined ? '' : ` (did you mean '${meant}'?)`}; 'vpmu list' lists them`,
			);
		}
		return [{ cells, until, reason }];
	});
}

/** Parses the quarantine list in a file, like {@link parseQuarantine}. @throws UsageError also if it cannot be read */
export function readQuarantine(file: string, cases: readonly string[]): QuarantineEntry[] {
	let text: string;
	try {
		text = readFileSync(file, 'utf8');
	} catch (cause) {
		throw new UsageError(`cannot read '${file}' (--quarantine): ${(cause as Error).message}`, { cause });
	}
	return parseQuarantine(text, file, cases);
}

/**
 * Applies the list to a result. A failure is expected (`xfail`) up to the entry's last day; later it is a failure again
 * and says so. Infrastructure errors, passes and skips do not change. Pure.
 */
export function applyQuarantine(
	result: CellResult,
	entries: readonly QuarantineEntry[],
	today = new Date().toISOString().slice(0, 10),
): CellResult {
	const entry = entries.find(({ cells }) => matches(cells, result));
	if (entry === undefined) return result;
	const { until, reason } = entry;
	const expired = today > until;
	const noted = { ...result, quarantine: { reason, until, expired } };
	if (result.status !== 'fail') return noted;
	const was = result.reason ?? 'no reason given';
	return expired
		? { ...noted, reason: `${was} (its quarantine ended on ${until}: ${reason})` }
		: { ...noted, status: 'xfail', reason: `in quarantine until ${until} (${reason}): ${was}` };
}

function matches(pattern: string, { id, case: name }: CellResult): boolean {
	return globExpression(pattern).test(pattern.includes('[') ? id : name);
}

function globExpression(glob: string): RegExp {
	const source = glob
		.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
		.replaceAll(/\*|\?/g, found => (found === '*' ? '.*' : '.'));
	return new RegExp(`^${source}$`, 's');
}

function isDay(text: string): boolean {
	if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
	const time = Date.parse(`${text}T00:00:00Z`);
	return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
