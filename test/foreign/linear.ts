import type { ExecutionContext } from 'ava';

/** Smaller sizes first, so that a reader that is not linear is found before it takes hours. */
const sizes = [1 << 10, 1 << 13, 1 << 16, 1 << 19];

/** How much longer than one pass over the characters a reader may take; our slowest takes some 100 times as long. */
const allowedTimes = 2000;
/** Shorter times are noise. */
const leastMs = 10_000;

/** CPU time of this process so far, which other load does not affect. */
export function cpuMs(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
}

/** One pass over all characters, in milliseconds of CPU time: the cost of a linear reader here and now. */
export function passMs(text: string): number {
	const startedAt = cpuMs();
	let sum = 0;
	for (let index = 0; index < text.length; index++) sum = (sum + text.charCodeAt(index)) | 0;
	// Use the sum, so that the pass is not optimised away.
	return cpuMs() - startedAt + (sum === 1 ? 1e-9 : 0);
}

/** Repeats `unit` between `head` and `tail` to `size` characters. */
export function filled(size: number, unit: string, head = '', tail = ''): string {
	const count = Math.max(1, Math.floor((size - head.length - tail.length) / unit.length));
	return head + unit.repeat(count) + tail;
}

/**
 * Feeds a reader its worst case in growing sizes up to `largest` characters, and asserts that each takes at most a
 * generous multiple of one pass over the largest, measured in the same run. The reader may throw: only its time is
 * judged.
 */
export async function assertLinear(
	t: ExecutionContext,
	worst: (size: number) => string,
	read: (text: string) => unknown,
	largest: number,
): Promise<void> {
	const boundMs = Math.max(leastMs, allowedTimes * passMs(worst(largest)));
	for (const size of [...sizes.filter(smaller => smaller < largest), largest]) {
		const text = worst(size);
		const startedAt = cpuMs();
		try {
			await read(text);
		} catch (error) {
			const message = error instanceof Error ? error.message : String(error);
			t.true(message.length < 10_000, `the message of an error has ${message.length} characters`);
			t.false(error instanceof RangeError && /call stack|Invalid string length/.test(message), message);
		}
		const tookMs = cpuMs() - startedAt;
		if (tookMs > boundMs) {
			t.fail(
				`${size} characters took ${Math.round(tookMs)} ms of CPU time; ${Math.round(boundMs)} ms are allowed for ${largest}`,
			);
			return;
		}
	}
	t.pass();
}
