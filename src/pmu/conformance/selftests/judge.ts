import { lastLinesOf, shorten } from '../../../lib/text/foreign.ts';
import type { SelftestObservation } from '../../verdict/observed.ts';
import type { Check } from '../judge.ts';
import { parseTap, type Tap, type TapPoint } from './tap.ts';

/** One of the kernel's own tests, as it ended. */
export interface EndedSelftest {
	readonly name: string;
	/** `null` if a signal ended it, or it did not end. */
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
	/** Of a test about more than PMUs, words of the points that count. It is judged by those points if each word has one. */
	readonly about?: readonly string[];
}

/** The exit statuses of tools/testing/selftests/kselftest.h. */
const [passed, skipped] = [0, 4];

/**
 * Judges one of the kernel's own tests (tools/testing/selftests) by its exit status and by its TAP: a test that says `not ok`, gives
 * up, or ends before all announced points has failed, whatever its exit status. Its output may be anything.
 */
export function judgeSelftest({ name, status: exit, stdout, stderr, about }: EndedSelftest): SelftestObservation {
	const whole = parseTap(stdout);
	const part = about === undefined ? undefined : partOf(whole, about);
	const tap = part ?? whole;
	// How the rest of such a test ended says nothing about this part.
	const status = part === undefined ? exit : passed;
	const { counts, planned, points, skipsAll, bailedOut } = tap;
	const total = totalOf(counts);
	const common = { name, exit, planned, counts, points };
	const wrong = wrongIn(tap, total);
	// A test that skips a part and reports other points was not skipped.
	const saysSo = total === 0 ? skipsAll !== null : counts.skipped === total;
	const isSkip = status === skipped || (status === passed && saysSo);
	if (isSkip && wrong === undefined) {
		const said = skipsAll || points.find(point => point.state === 'skipped')?.text || lastLinesOf(stdout, 1)[0];
		return { ...common, state: 'skipped', why: said ?? 'it says no reason' };
	}
	if (status === passed && wrong === undefined) return { ...common, state: 'ok', why: null };
	const last = () => lastLinesOf(stderr, 1)[0] ?? lastLinesOf(stdout, 1)[0];
	const gaveUp = bailedOut === null ? undefined : `it gave up: ${bailedOut || 'it says no reason'}`;
	const failed = points.find(point => point.state === 'not-ok');
	const why =
		(failed && `not ok ${failed.text}`) ?? assertion(stderr) ?? gaveUp ?? wrong ?? last() ?? 'it says no reason';
	return { ...common, state: 'not-ok', why: shorten(why) };
}

const totalOf = (counts: Tap['counts']) => counts.ok + counts['not-ok'] + counts.skipped + counts.expected;

/** The part of a test's TAP that has these words; `undefined` if one of them is missing. */
function partOf({ points: all, skipsAll }: Tap, about: readonly string[]): Tap | undefined {
	if (!about.every(word => all.some(({ text }) => text.includes(word)))) return undefined;
	const points = all.filter(({ text }) => about.some(word => text.includes(word)));
	const of = (state: TapPoint['state']) => points.filter(point => point.state === state).length;
	const counts = { ok: of('ok'), 'not-ok': of('not-ok'), skipped: of('skipped'), expected: of('expected') };
	return { planned: points.length, points, counts, skipsAll, bailedOut: null };
}

/** What a test's TAP says against it, whatever its exit status; `undefined` if nothing. */
function wrongIn({ counts, planned, bailedOut, skipsAll }: Tap, total: number): string | undefined {
	if (counts['not-ok'] > 0) return `${counts['not-ok']} of ${total} points are not ok`;
	if (bailedOut !== null) return 'it gave up';
	if (planned === null || planned === total || (skipsAll !== null && total === 0)) return undefined;
	return `it announced ${planned} ${planned === 1 ? 'point' : 'points'} and gave ${total}`;
}

/** How a test ended, in a few words, such as `not ok (1 of 2 points), exit 0`. */
export function describeSelftest({ state, exit, counts }: SelftestObservation): string {
	const total = totalOf(counts);
	const points = total === 0 ? '' : ` (${counts.ok} of ${total} points)`;
	if (state === 'ok') return `ok${points}`;
	if (state === 'skipped') return 'skipped';
	return `not ok${points}, ${exit === null ? 'did not end by itself' : `exit ${exit}`}`;
}

/** Makes a check of `vpmu probe --conformance` of what one of the kernel's own tests showed. */
export function selftestCheck(ended: EndedSelftest): Check {
	const seen = judgeSelftest(ended);
	const common = {
		...{ id: `selftest.${seen.name}`, what: `the kernel's own test ${seen.name}`, since: '4.20', expected: 'ok' },
		where: `tools/testing/selftests/kvm: ${seen.name}`,
	};
	if (seen.state === 'skipped')
		return { ...common, observed: null, status: 'not-asked', why: `it was skipped: ${seen.why}` };
	const status = seen.state === 'ok' ? 'as-ruled' : 'deviates';
	return { ...common, observed: describeSelftest(seen), status, why: seen.why };
}

/** The place and the words of a failed TEST_ASSERT (tools/testing/selftests/kvm/lib/assert.c). */
function assertion(stderr: string): string | undefined {
	const lines = stderr.slice(0, 1 << 16).split('\n');
	const at = lines.findIndex(line => line.startsWith('==== Test Assertion Failure ===='));
	return at === -1
		? undefined
		: lastLinesOf(lines.slice(at + 1, at + 3).join('\n'), 2)
				.map(line => line.trim())
				.join(' ');
}
