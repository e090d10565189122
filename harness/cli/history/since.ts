import { UsageError } from '../../../src/lib/index.ts';

const units: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Parses an age such as `14d`, or a date (UTC), to a moment in milliseconds. @throws UsageError */
export function parseSince(text: string, now: number): number {
	const [, count, unit] = /^(\d{1,4})([hdw])$/.exec(text) ?? [];
	if (count !== undefined) return now - Number(count) * units[unit!]!;
	const date = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
	if (!Number.isNaN(date) && new Date(date).toISOString().startsWith(text)) return date;
	throw new UsageError(
		`'${text}' of option '--since' is not valid; allowed: a number of hours, days or weeks such as 36h, 14d or 4w, or a date such as 2026-11-20`,
	);
}
