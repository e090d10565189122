import test from 'ava';
import fc from 'fast-check';
import { assertLinear, cpuMs, filled, passMs } from './linear.ts';
import { readers } from './readers/index.ts';

/** Large enough to tell linear from quadratic; `readers.full.ts` continues up to 8 MiB. */
const size = 1 << 19;

for (const [name, { read, worst, pieces }] of Object.entries(readers)) {
	for (const [what, make] of Object.entries(worst)) {
		test.serial(`the worst case is read in linear time: ${name}: ${what}`, async t => {
			await assertLinear(t, make, read, size);
		});
	}

	test.serial(`generated text is read in linear time: ${name}`, async t => {
		const size = 1 << 17;
		const boundMs = Math.max(5000, 5000 * passMs('x'.repeat(size)));
		const piece = fc.tuple(fc.constantFrom(...pieces), fc.nat({ max: 6 })).map(([text, times]) => text.repeat(times));
		const parts = fc.array(piece, { maxLength: 4 }).map(all => all.join(''));
		await fc.assert(
			fc.asyncProperty(parts, parts, parts, async (head, unit, tail) => {
				const text = filled(size, unit === '' ? 'x' : unit, head, tail);
				const startedAt = cpuMs();
				await Promise.try(() => read(text)).catch(() => undefined);
				return cpuMs() - startedAt < boundMs;
			}),
			{ numRuns: 25, endOnFailure: true },
		);
		t.pass();
	});
}
