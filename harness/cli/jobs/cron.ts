const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const days = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** Fields of a line: the least and the largest number, and names of the numbers from the least on. */
const fields: readonly (readonly [least: number, most: number, names?: readonly string[]])[] = [
	[0, 59],
	[0, 23],
	[1, 31],
	[1, 12, months],
	[0, 6, days],
];

/**
 * Whether a text is a line of cron as GitHub takes it: minute, hour, day, month and day of the week, of `*`, numbers, names of months
 * and days, ranges, lists and steps (docs.github.com, "Events that trigger workflows", `schedule`).
 */
export function isCron(text: string): boolean {
	const words = text.split(' ');
	return words.length === fields.length && words.every((word, at) => word.split(',').every(part => isPart(part, at)));
}

/** One member of a list: `*`, `N` or `N-M`, each with `/STEP` or without. */
function isPart(part: string, at: number): boolean {
	const [least, most, names = []] = fields[at]!;
	const [, range = '', step] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
	if (step !== undefined && (Number(step) < 1 || Number(step) > most)) return false;
	if (range === '*') return true;
	const [from, to = from, ...more] = range.split('-').map(word => {
		const named = names.indexOf(word.toUpperCase());
		return named >= 0 ? named + least : /^\d{1,2}$/.test(word) ? Number(word) : Number.NaN;
	});
	return more.length === 0 && from! >= least && from! <= to! && to! <= most;
}
