import type { GuestReading, Observations } from '../../src/pmu/index.ts';
import type { MovedCount, PerfReading } from '../../src/run/index.ts';

/** A cell that goes through many machines says no more of them. */
const mostNotes = 50;

/** What a cell has seen and what was demanded of it in vain. Kept as it comes, judged at the end. */
export class Witness {
	readonly #unmet: string[] = [];
	readonly #readings: { readonly reading: GuestReading; readonly perf: PerfReading }[] = [];
	readonly #notes: string[] = [];
	readonly #moved: MovedCount[] = [];
	readonly #attached: Record<string, string> = {};
	#observations: Observations = {};

	/** What has been seen so far. */
	get observations(): Observations {
		return this.#observations;
	}

	get demandsUnmet(): readonly string[] {
		return this.#unmet;
	}

	/** What is worth telling and changes no verdict. */
	get notes(): readonly string[] {
		return this.#notes;
	}

	note(text: string): void {
		if (this.#notes.length < mostNotes) this.#notes.push(text);
	}

	/** Files of the cell's folder besides those of its machine, by what they hold. */
	get attached(): Readonly<Record<string, string>> {
		return this.#attached;
	}

	/** Names a file of this machine, in the cell's folder, among its artifacts. */
	attach(name: string, file: string): void {
		this.#attached[name] = file;
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

	/** Counts over time while vCPUs were moved. */
	get moved(): readonly MovedCount[] {
		return this.#moved;
	}

	addMoved(moved: MovedCount): void {
		this.#moved.push(moved);
	}

	/** Keeps a reading; `samples` are the measurements that it is the least of. */
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
