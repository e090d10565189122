import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'events in excess of the counters share them, and perf reports that',
	{ selection: 'full', needs: { counting: true } },
	async (t, cell) => {
		const guest = await cell.boot();
		await guest.count(['cycles']);
		const counters = cell.observations.guest?.counters ?? 0;
		// The cycle event by number, so that all but one need a programmable counter.
		const events: string[] = Array.from({ length: 2 * counters }, () => 'r11');
		const command = ['/vpmu/workload', 'loop', '300000000'];
		const readings = await guest.count(events, { command });
		t.is(readings.length, events.length);
		t.true(
			readings.every(reading => reading.state === 'counted' && reading.count! > 0n),
			`of ${events.length} events ${readings.filter(reading => reading.state === 'counted').length} counted`,
		);
		const shares = readings.map(reading => reading.runningPct ?? 100);
		t.true(Math.min(...shares) < 100, `${events.length} events ran all the time on ${counters} counters`);
		// perf scales each count to the whole time, and all are the same event.
		const scaled = readings.map(reading => Number(reading.count)).sort((a, b) => a - b);
		const median = scaled[scaled.length >> 1]!;
		t.true(scaled[0]! > median / 2 && scaled.at(-1)! < median * 2, `the same event counted ${scaled.join(', ')}`);
	},
);
