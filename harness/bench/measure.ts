/** The result of one turn of a contender. */
export interface Turn {
	readonly operations: number;
	readonly elapsedMs: number;
	/** CPU time that this process used; absent if another process does the work. */
	readonly cpuMs?: number;
}

/** One way of doing a piece of work. */
export interface Contender {
	readonly name: string;
	/** How the contender works, so that its figure can be understood. */
	readonly how: string;
	/** Limit for one operation in milliseconds; absent if only ratios count. */
	readonly withinMs?: number;
	/** Does the work once. */
	turn(): Promise<Turn>;
}

/** A claim that a benchmark can support: `of` is at least `wanted` times as fast as `to`. */
export interface Claim {
	readonly of: string;
	readonly to: string;
	/** Absent if the ratio is only informative. */
	readonly wanted?: number;
}

/** Median and quartiles of many measurements. */
export interface Spread {
	readonly median: number;
	readonly lowerQuartile: number;
	readonly upperQuartile: number;
}

export interface Figure {
	readonly name: string;
	readonly how: string;
	readonly perSecond: Spread;
	/** `null` if the figure has no limit. */
	readonly withinMs: number | null;
	readonly met: boolean | null;
	/** This process's CPU time per operation in microseconds, the median of the turns. */
	readonly cpuUs: number | null;
}

export interface Ratio extends Claim, Spread {
	/** `null` if the ratio has no goal. */
	readonly met: boolean | null;
}

export interface Measured {
	readonly rounds: number;
	readonly figures: readonly Figure[];
	readonly ratios: readonly Ratio[];
}

export interface MeasureOptions {
	readonly rounds: number;
	/** Warm-up rounds that are not counted (code is compiled, caches fill). Default 3. */
	readonly warmUp?: number;
	readonly signal?: AbortSignal | undefined;
	readonly onRound?: ((done: number, rounds: number) => void) | undefined;
}

/**
 * Measures contenders in turns, in changing order, and compares them round by round. Other load affects all contenders
 * of a round alike, so ratios are steadier than rates. A ratio is the median over the rounds.
 *
 * @throws what a contender throws; the signal's reason
 */
export async function measure(
	contenders: readonly Contender[],
	claims: readonly Claim[],
	{ rounds, warmUp = 3, signal, onRound }: MeasureOptions,
): Promise<Measured> {
	const turns = new Map(contenders.map(({ name }) => [name, [] as Turn[]]));
	for (let round = 0; round < warmUp + rounds; round++) {
		for (let place = 0; place < contenders.length; place++) {
			signal?.throwIfAborted();
			const contender = contenders[(place + round) % contenders.length]!;
			const turn = await contender.turn();
			if (round >= warmUp) turns.get(contender.name)!.push(turn);
		}
		if (round >= warmUp) onRound?.(round - warmUp + 1, rounds);
	}
	const rates = (name: string) => turns.get(name)!.map(({ operations, elapsedMs }) => (operations / elapsedMs) * 1000);
	return {
		rounds,
		figures: contenders.map(({ name, how, withinMs = null }) => {
			const perSecond = spread(rates(name));
			const met = withinMs === null ? null : 1000 / perSecond.median <= withinMs;
			const cpu = turns
				.get(name)!
				.flatMap(({ cpuMs, operations }) => (cpuMs === undefined ? [] : [(cpuMs * 1000) / operations]));
			return { name, how, perSecond, withinMs, met, cpuUs: cpu.length === 0 ? null : spread(cpu).median };
		}),
		ratios: claims
			.filter(({ of, to }) => turns.has(of) && turns.has(to))
			.map(claim => {
				const base = rates(claim.to);
				const found = spread(rates(claim.of).map((rate, round) => rate / base[round]!));
				return { ...claim, ...found, met: claim.wanted === undefined ? null : found.median >= claim.wanted };
			}),
	};
}

/** Times work that this process does itself. */
export async function timed(operations: number, work: () => Promise<unknown>): Promise<Turn> {
	const cpuBefore = process.cpuUsage();
	const startedAt = performance.now();
	await work();
	const elapsedMs = performance.now() - startedAt;
	const { user, system } = process.cpuUsage(cpuBefore);
	return { operations, elapsedMs, cpuMs: (user + system) / 1000 };
}

/** Computes median and quartiles, interpolated between neighbours. */
export function spread(values: readonly number[]): Spread {
	const sorted = values.toSorted((a, b) => a - b);
	const at = (part: number) => {
		const place = (sorted.length - 1) * part;
		const below = Math.floor(place);
		const [lower, upper] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
		return lower + (upper - lower) * (place - below);
	};
	return { median: at(0.5), lowerQuartile: at(0.25), upperQuartile: at(0.75) };
}
