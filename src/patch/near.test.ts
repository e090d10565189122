import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { unless } from '../lib/testing/unless.ts';
import { nearestFit, parseDiff } from './index.ts';

const hasPatch = spawnSync('patch', ['--version']).status === 0;

/** The fuzz with which GNU patch takes a diff of one hunk; 0 for none, `undefined` if it refuses the diff. */
function judge(content: string, diff: string): number | undefined {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-fuzz-'));
	try {
		writeFileSync(path.join(folder, 'f'), content);
		const argv = ['-p1', '--dry-run', '--force', '--verbose', '-d', folder];
		const { status, stdout } = spawnSync('patch', argv, { input: diff, encoding: 'utf8', env: { LC_ALL: 'C' } });
		return status === 0 ? Number(/with fuzz (\d)/.exec(stdout)?.[1] ?? 0) : undefined;
	} finally {
		rmSync(folder, { recursive: true });
	}
}

unless(hasPatch ? undefined : 'no GNU patch here')('the fuzz of a hunk is the one with which GNU patch takes it', t => {
	const seen = new Map<number | undefined, number>();
	const cases = fc.record({
		...{ before: fc.integer({ min: 0, max: 3 }), after: fc.integer({ min: 0, max: 3 }), at: fc.nat(16) },
		...{ wrong: fc.uniqueArray(fc.nat(6), { maxLength: 3 }), missing: fc.nat(3) },
	});
	fc.assert(
		fc.property(cases, ({ before, after, at, wrong, missing }) => {
			// Each line is unique, so that there is one place at which the hunk can fit; but the last ones are blank, or missing.
			const lines = Array.from({ length: 20 }, (_, index) => (index < 17 ? `line ${index}` : ''));
			const [from, to] = [Math.max(at - before, 0), Math.min(at + after, 19)];
			const hunk = lines.slice(from, to + 1).map((line, index) => {
				const expected = wrong.includes(index) ? `${line} of another version` : line;
				return from + index === at ? `-${expected}\n+new` : ` ${expected}`;
			});
			const count = to - from + 1;
			const diff = `--- a/f\n+++ b/f\n@@ -${from + 1},${count} +${from + 1},${count} @@\n${hunk.join('\n')}\n`;
			const content = `${lines.slice(0, 20 - missing).join('\n')}\n`;
			const near = nearestFit(content, parseDiff(diff)[0]!.hunks[0]!);
			const expected = judge(content, diff);
			seen.set(expected, (seen.get(expected) ?? 0) + 1);
			// A hunk that fits as it is has no line that differs.
			if (expected === 0) t.is(near?.differs, undefined, diff);
			else t.is(near?.fuzz, expected, diff);
		}),
		{ seed: 18, numRuns: 300 },
	);
	for (const one of [0, 1, 2, undefined]) t.true((seen.get(one) ?? 0) > 0, `no example with fuzz ${one}`);
});
