import test from 'ava';
import { Pace } from './pace.ts';

/** Reads what a line prints (bytes a millisecond) for a time; returns how often it read, and the longest rest. */
function read(rate: number, durationMs: number): { readonly reads: number; readonly longestMs: number } {
	const pace = new Pace();
	let [reads, longestMs, seen] = [0, 0, 0];
	// Without a rest, one read returns the output of 20 microseconds, at least one character.
	for (let now = 0; now < durationMs; ) {
		now = Math.max(now + 0.02, (seen + 1) / rate);
		const bytes = Math.floor(now * rate) - seen;
		seen += bytes;
		reads += 1;
		const restMs = pace.restAfter(bytes, now);
		longestMs = Math.max(longestMs, restMs);
		now += restMs;
		if (restMs > 0) pace.resume(now);
	}
	return { reads, longestMs };
}

test('a conversation waits a millisecond at most, however fast its characters come; a short answer never', t => {
	t.is(read(10, 10).longestMs, 0);
	// An answer of 400 characters at 100 a millisecond.
	t.true(read(100, 4).longestMs <= 1);
	t.is(read(0.3, 1000).longestMs, 0);
});

test('a flood is read some sixty times a second', t => {
	const { reads, longestMs } = read(300, 2000);
	t.is(longestMs, 16);
	t.true(reads > 100 && reads < 250, `${reads}`);
});

test('a slow line that never rests is read as it comes, and a pause ends the flood', t => {
	const pace = new Pace();
	for (let now = 0; now < 500; now += 17) {
		pace.restAfter(5000, now);
		pace.resume(now + 16);
	}
	t.is(pace.restAfter(5000, 520), 16);
	t.is(pace.restAfter(20, 1020), 0);
});
