import type { GuestReading, Observations } from '../../src/pmu/index.ts';
import type { PerfReading } from '../../src/run/index.ts';

/** What a cell has seen and what was demanded of it in vain. Kept as it comes, judged at the end. */
export class Witness {
	readonly #unmet: string[] = [];
	readonly #readings: { readonly reading: GuestReading; readonly perf: PerfReading }[] = [];
	#observations: Observations = {};

	/** What has been seen so far. */
	get observations(): Observations {
		return this.#observations;
	}

	get demandsUnmet(): readonly string[] {
		return this.#unmet;
	}

	/** The readings as results hold them. */
	get perfReadings(): readonly PerfReading[] {
		return this.#readings.map(one => one.perf);
	}

	/** A demand of the case beyond the prediction: unmet, the cell fails, or is `xfail` where that was expected. */
	expect(met: boolean, demand: string): void {
		if (!met) this.unmet(demand);
	}

	unmet(demand: string): void {
		this.#unmet.push(demand.split('\n', 1)[0]!);
	}

	observe(part: Observations): void {
		this.#observations = { ...this.#observations, ...part };
	}

	addReading(reading: GuestReading): void {
		const { event, state, count, runningPct, pinned } = reading;
		this.#readings.push({
			reading,
			perf: {
				event,
				state: state === 'stuck' ? 'not-counted' : state,
				count: count?.toString() ?? null,
				runningPct,
				pinned,
			},
		});
		const guest = this.#observations.guest;
		if (guest !== undefined) this.observe({ guest: { ...guest, readings: this.#readings.map(one => one.reading) } });
	}
}
