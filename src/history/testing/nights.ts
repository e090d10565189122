import { type CellSketch, runOf } from '../../compare/testing/cells.ts';
import type { Results } from '../../run/results.ts';

/** The runs of some nights at two o'clock, from 2026-11-01. Boot times have the same noise in every test. */
export function nights(count: number, cellsOf: (night: number) => readonly CellSketch[], name = 'night'): Results[] {
	return Array.from({ length: count }, (_, at) => {
		const made = runOf(...cellsOf(at + 1));
		const startedAt = new Date(Date.UTC(2026, 10, at + 1, 2)).toISOString();
		return { ...made, run: { ...made.run, id: `${name}-${at + 1}`, startedAt, runner: { host: 'builder' } } };
	});
}

/** A boot time with noise of up to 2 %, which depends on the night and the cell only. */
export const noisy = (bootMs: number, night: number, cell: number): number =>
	bootMs * (1 + ((((night * 7919 + cell * 104_729) % 41) - 20) / 20) * 0.02);
