import { lastLinesOf } from '../../../lib/foreign.ts';
import type { Check } from '../judge.ts';

/** One of the kernel's own tests, as it ended. */
export interface EndedSelftest {
	readonly name: string;
	/** `null` if a signal ended it, or it did not end. */
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

/** The exit statuses of tools/testing/selftests/kselftest.h. */
const [passed, skipped] = [0, 4];

/**
 * Judges one of the kernel's own tests (tools/testing/selftests/kvm) by its exit status and by its TAP: a test that says `not ok`
 * and exits with 0 has failed. Its output may be anything.
 */
export function selftestCheck({ name, status, stdout, stderr }: EndedSelftest): Check {
	const tap = tapOf(stdout);
	const common = {
		...{ id: `selftest.${name}`, what: `the kernel's own test ${name}`, since: '4.20', expected: 'ok' },
		where: `tools/testing/selftests/kvm: ${name}`,
	};
	if (status === skipped || (status === passed && tap.skippedAll)) {
		const reason = lastLinesOf(stdout, 1)[0] ?? 'it says no reason';
		return { ...common, observed: null, status: 'not-asked', why: `it was skipped: ${reason}` };
	}
	const points = tap.ok + tap.notOk.length === 0 ? '' : ` (${tap.ok} of ${tap.ok + tap.notOk.length} points)`;
	if (status === passed && tap.notOk.length === 0) {
		return { ...common, observed: `ok${points}`, status: 'as-ruled', why: null };
	}
	const end = status === null ? 'did not end by itself' : `exit ${status}`;
	const why = tap.notOk[0] ?? assertion(stderr) ?? lastLinesOf(stderr, 1)[0] ?? lastLinesOf(stdout, 1)[0];
	return { ...common, observed: `not ok${points}, ${end}`, status: 'deviates', why: why ?? 'it says no reason' };
}

/** Reads the points of a test in TAP; a test without any has none. */
function tapOf(stdout: string) {
	let ok = 0;
	const notOk: string[] = [];
	let skippedAll = false;
	for (const line of stdout.split('\n')) {
		if (/^ok\b/.test(line)) ok++;
		else if (/^not ok\b/.test(line)) notOk.push(lastLinesOf(line, 1)[0]!);
		else if (/^1\.\.0 # SKIP/.test(line)) skippedAll = true;
	}
	return { ok, notOk, skippedAll: skippedAll && ok + notOk.length === 0 };
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
