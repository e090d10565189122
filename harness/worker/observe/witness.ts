import type { GuestReading, Observations } from '../../../src/pmu/index.ts';
import type { MovedCount, PerfReading } from '../../../src/run/index.ts';

/** Limit for cells that go through many machines. */
const mostNotes = 50;

/** A cell's observations and its unmet demands, collected as they arrive and judged at the end. */
export class Witness {
	readonly #unmet: string[] = [];
	readonly #readings: { readonly reading: GuestReading; readonly perf: PerfReading }[] = [];
	readonly #notes: string[] = [];
	readonly #moved: MovedCount[] = [];
	readonly #attached: Record<string, string> = {};
	#observations: Observations = {};

	/** Observations so far. */
	get observations(): Observations {
		return this.#observations;
	}

	get demandsUnmet(): readonly string[] {
		return this.#unmet;
	}

	/** Notes for the reader that change no verdict. */
	get notes(): readonly string[] {
		return this.#notes;
	}

	note(text: string): void {
		if (this.#notes.length < mostNotes) this.#notes.push(text);
	}

	/** Files in the cell's folder besides those of its machine, by content. */
	get attached(): Readonly<Record<string, string>> {
		return this.#attached;
	}

	/** Lists a file of the cell's folder among its artifacts. */
	attach(name: string, file: string): void {
		this.#attached[name] = file;
	}

	/** The readings in the form that results have. */
	get perfReadings(): readonly PerfReading[] {
		return this.#readings.map(one => one.perf);
	}

	/**
	 * Records a demand of the case beyond the prediction. If unmet, the cell fails, or is `xfail` where that was
	 * expected.
	 */
	expect(met: boolean, demand: string): void {
		if (!met) this.unmet(demand);
	}

	unmet(demand: string): void {
		this.#unmet.push(demand.split('\n', 1)[0]!);
	}

	observe(part: Observations): void {
		this.#observations = { ...this.#observations, ...part };
	}

	/** Counts over time while vCPUs were moved. */
	get moved(): readonly MovedCount[] {
		return this.#moved;
	}

	addMoved(moved: MovedCount): void {
		this.#moved.push(moved);
	}

	/** Keeps a reading. It is the smallest of the measurements in `samples`. */
	addReading(reading: GuestReading, samples: readonly GuestReading[] = []): void {
		const { event, state, count, runningPct, pinned, vcpu, doubledCount } = reading;
		this.#readings.push({
			reading,
			perf: {
				event,
				state: state === 'stuck' ? 'not-counted' : state,
				count: count?.toString() ?? null,
				runningPct,
				pinned,
				...(vcpu === undefined ? {} : { vcpu }),
				...(doubledCount === undefined ? {} : { doubled: doubledCount?.toString() ?? null }),
				...(samples.length < 2 ? {} : { samples: samples.map(sampleOf) }),
			},
		});
		const guest = this.#observations.guest;
		if (guest !== undefined) this.observe({ guest: { ...guest, readings: this.#readings.map(one => one.reading) } });
	}
}

function sampleOf({ count, doubledCount }: GuestReading): NonNullable<PerfReading['samples']>[number] {
	return { count: count?.toString() ?? null, doubled: doubledCount?.toString() ?? null };
}
