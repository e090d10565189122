import { pmuTest } from '../../harness/test.ts';

pmuTest('more events than counters share them, and perf says so', { selection: 'full' }, async (_t, cell) => {
	const guest = await cell.boot();
	// The cycle event by its number, so that each needs a programmable counter of its own.
	const events = Array.from({ length: 14 }, (_, index) =>
		`r11/name=c${index}/`.replace('r11', 'armv8_pmuv3/event=0x11'),
	);
	const readings = await guest.count(events, { iterations: 10_000_000 });
	const counted = readings.filter(reading => reading.state === 'counted');
	cell.expect(counted.length === events.length, `${counted.length} of ${events.length} events counted`);
	cell.expect(
		counted.some(reading => (reading.runningPct ?? 100) < 100),
		'14 events ran all the time on fewer counters',
	);
});
