import { shorten } from '../../../lib/text/foreign.ts';

/** A test point of TAP. */
export interface TapPoint {
	/** `skipped`: not tried. `expected`: not ok, and known to be so (`# TODO`, `# XFAIL`). */
	readonly state: 'ok' | 'not-ok' | 'skipped' | 'expected';
	/** Its description with the directive, shortened. */
	readonly text: string;
}

/** What a program said in TAP (Test Anything Protocol 13 and 14, as tools/testing/selftests/kselftest.h writes it). */
export interface Tap {
	/** The number of points that it announced; `null` if it announced none. */
	readonly planned: number | null;
	/** The first {@link mostPoints}. */
	readonly points: readonly TapPoint[];
	/** How many points there are of each state. */
	readonly counts: Readonly<Record<TapPoint['state'], number>>;
	/** The reason in a plan without points (`1..0 # SKIP`); `null` if there is no such plan. */
	readonly skipsAll: string | null;
	/** Why it gave up (`Bail out!`); `null` if it did not. */
	readonly bailedOut: string | null;
}

/** Points that are kept one by one; the rest are counted. A test of the kernel has at most some hundred. */
export const mostPoints = 256;

/** A line is read up to here: no test of the kernel writes a longer one. */
const longestLine = 1000;

const longestText = 200;

/**
 * Reads TAP from the output of a program that may print anything. Only lines that begin as TAP does count: indented ones belong to
 * a subtest, whose result is a point of its own. Linear in the length of the text.
 */
export function parseTap(text: string): Tap {
	const points: TapPoint[] = [];
	const counts = { ok: 0, 'not-ok': 0, skipped: 0, expected: 0 };
	let planned: number | null = null;
	let skipsAll: string | null = null;
	let bailedOut: string | null = null;
	for (let from = 0; from < text.length; ) {
		const end = text.indexOf('\n', from);
		const next = end === -1 ? text.length : end;
		const line = text.slice(from, Math.min(next, from + longestLine)).trimEnd();
		from = next + 1;
		const plan = /^1\.\.(\d{1,9})(?:\s|$)/.exec(line);
		if (plan !== null) {
			const count = Number(plan[1]);
			// print_skip() of KVM's tests announces no points for a part, and goes on (tools/testing/selftests/kvm/include/test_util.h).
			if (count > 0) planned ??= count;
			else skipsAll ??= shorten(withoutDash(/# *skip\b(.*)/i.exec(line)?.[1] ?? ''), longestText);
		} else if (line.startsWith('Bail out!')) {
			bailedOut ??= shorten(line.slice('Bail out!'.length).trim(), longestText);
		} else {
			const point = pointOf(line);
			if (point === undefined) continue;
			counts[point.state]++;
			if (points.length < mostPoints) points.push(point);
		}
	}
	return { planned, points, counts, skipsAll, bailedOut };
}

function pointOf(line: string): TapPoint | undefined {
	const found = /^(not )?ok(?=\s|$)(.*)$/.exec(line);
	if (found === null) return undefined;
	const [, not, rest = ''] = found;
	const directive = /# *(skip|todo|xfail)\b/i.exec(rest)?.[1]?.toLowerCase();
	const isOk = not === undefined;
	const state = directive === 'skip' ? 'skipped' : isOk ? 'ok' : directive === undefined ? 'not-ok' : 'expected';
	return { state, text: shorten(rest.trim(), longestText) };
}

const withoutDash = (text: string) => text.replace(/^[ \t-]{0,10}/, '').trim();
