import { type PerfColumns, type PerfLine, type PerfStatEntry, readEvent, readValue } from './entry.ts';

/**
 * Something read from the fields of a line, and the index of the next field; `point` is the decimal point, if there was one.
 */
type Taken<T> = { readonly value: T; readonly next: number; readonly point?: string };
/** All possible readings at a field. */
type Reader<T> = (at: number) => readonly Taken<T>[];

const none: PerfColumns = { cpu: null, aggregated: null, thread: null, intervalSeconds: null, summary: false };
const digits = /^\d+$/;
const deviationText = /^(\d+)[.,](\d+)%$/;
/** perf cuts what it prints of a metric at the first character that is neither a digit nor a point (print_metric_csv). */
const metricText = /^-?\d+(\.\d*)?$|^-?nan$|^-?inf$/;
/** `--per-socket`, `--per-node`, `--per-die`, `--per-core` (before 5.3 without a die), `--per-cluster`, `--per-cache`. */
const aggregation = /^(N-?\d+|S-?\d+(-D-?\d+)?(-C-?\d+|-CLS-?\d+|-L-?\d+-ID-?\d+)?)$/;
const core = /^S-?\d+(-D-?\d+)?-C-?\d+$/;
/** An event of a PMU, whose terms are separated by commas. */
const pmuEvent = /^[\w.-]+\/.*\/[A-Za-z]*$/;
/** An event whose terms are incomplete. */
const openPmuEvent = /^[\w.-]+\/[^/]*$/;

/** The end of an event of a PMU: no more terms. */
const mostTerms = 40;

/** A separator that occurs in the names of many events. */
const inNames = /^[\w.:/ -]+$/;

/** The fields of one line, for a separator that may also occur in decimal numbers and event names. */
class Fields {
	readonly #fields: readonly string[];
	readonly #separator: string;
	/** The reason why the reading that got furthest failed. */
	#why = { at: -1, text: 'too few fields' };

	constructor(line: string, separator: string) {
		this.#fields = line.split(separator).map(field => field.trim());
		this.#separator = separator;
	}

	/** Whether the separator may also be a decimal point. */
	get splitsDecimals(): boolean {
		return this.#separator === ',' || this.#separator === '.';
	}

	get why(): string {
		return this.#why.text;
	}

	refuse(at: number, text: string): [] {
		if (at > this.#why.at) this.#why = { at, text };
		return [];
	}

	rest(at: number): readonly string[] {
		return this.#fields.slice(at);
	}

	joined(from: number, to: number): string {
		return this.#fields.slice(from, to).join(this.#separator);
	}

	/** A decimal number in one field, or in two if the separator is also the locale's decimal point. */
	decimal(at: number, places: RegExp): readonly Taken<string>[] {
		const [here, following] = [this.#fields[at], this.#fields[at + 1]];
		const whole = /^(\d+)[.,](\d+)$/.exec(here ?? '');
		if (whole !== null) {
			if (!places.test(whole[2]!)) return [];
			return [{ value: `${whole[1]}.${whole[2]}`, next: at + 1, point: here!.includes('.') ? '.' : ',' }];
		}
		const isSplit = this.splitsDecimals && digits.test(here ?? '') && digits.test(following ?? '');
		if (!isSplit || !places.test(following!)) return [];
		return [{ value: `${here}.${following}`, next: at + 2, point: this.#separator }];
	}

	/** `CPU0`, `S0-D0-C1` with its number of CPUs, a thread, or none of these. */
	place: Reader<Partial<PerfColumns>> = at => {
		const [here = '', following = ''] = this.rest(at);
		const found: Taken<Partial<PerfColumns>>[] = [{ value: {}, next: at }];
		const cpu = /^CPU(\d+)$/.exec(here);
		if (cpu !== null) found.push({ value: { cpu: cpu[1]! }, next: at + 1 });
		if (aggregation.test(here) && digits.test(following))
			found.push({ value: { cpu: here, aggregated: Number(following) }, next: at + 2 });
		// With -A, a `percore` event is printed per core without a number.
		if (core.test(here)) found.push({ value: { cpu: here }, next: at + 1 });
		if (/^.+-(-1|\d+)$/.test(here)) found.push({ value: { thread: here }, next: at + 1 });
		return found;
	};

	/** The columns before the counter: a time or `summary`, and a place. */
	columns: Reader<PerfColumns> = at => {
		const times: readonly Taken<Partial<PerfColumns>>[] =
			this.rest(at)[0] === 'summary'
				? [{ value: { summary: true }, next: at + 1 }]
				: [
						{ value: {}, next: at },
						...this.decimal(at, /^\d{9}$/).map(({ value, next }) => ({
							value: { intervalSeconds: Number(value) },
							next,
						})),
					];
		return times.flatMap(time =>
			this.place(time.next).map(({ value, next }) => ({ value: { ...none, ...time.value, ...value }, next })),
		);
	};

	/** Event names. One such as `pmu/a=1,b=2/u` may contain the separator. */
	event: Reader<string> = at => {
		const found: Taken<string>[] = [];
		const mayHold = inNames.test(this.#separator);
		const last = Math.min(this.#fields.length, at + mostTerms);
		for (let next = at + 1; next <= last; next++) {
			const value = this.joined(at, next);
			if (/^[\d.,]*%?$|[<>\p{Cc}]/u.test(value)) break;
			if (next === at + 1 || mayHold ? !openPmuEvent.test(value) : pmuEvent.test(value)) found.push({ value, next });
			if (!mayHold && !openPmuEvent.test(value)) break;
		}
		return found;
	};

	/** Relative deviation (with `-r`), run time and percentage. */
	running: Reader<Pick<PerfStatEntry, 'deviationPct' | 'runNs' | 'runningPct'>> = at => {
		const [here = '', following = ''] = this.rest(at);
		const split = this.splitsDecimals ? deviationText.exec(`${here}.${following}`) : null;
		const deviation = deviationText.exec(here) ?? split;
		const after = deviation === null ? at : at + (deviation === split ? 2 : 1);
		const run = this.rest(after)[0] ?? '';
		if (!digits.test(run)) return this.refuse(after, 'no run time in nanoseconds');
		const taken = this.decimal(after + 1, /^\d\d$/).filter(({ value }) => Number(value) <= 100);
		if (taken.length === 0) return this.refuse(after + 1, 'no percentage of run time');
		return taken.map(({ value, next, point }) => ({
			point: point!,
			value: {
				deviationPct: deviation === null ? null : Number(`${deviation[1]}.${deviation[2]}`),
				runNs: BigInt(run),
				runningPct: Number(value),
			},
			next,
		}));
	};

	/** A metric and its unit at the end of a line; `null` if perf could not compute it. */
	metric(at: number): { readonly metric: PerfStatEntry['metrics'][number] | null } | undefined {
		let from = at;
		// perf leaves two fields empty for each metric that it does not have.
		while (from + 2 <= this.#fields.length && this.rest(from)[0] === '' && this.rest(from)[1] === '') from += 2;
		const [value = '', next = '', ...more] = this.rest(from);
		if (value === '' && next === '' && more.length === 0) return { metric: null };
		const isSplit = digits.test(value) && digits.test(next) && more.length > 0 && this.splitsDecimals;
		const unit = this.joined(from + (isSplit ? 2 : 1), this.#fields.length);
		if (unit === '' || (value === '' ? more.length > 0 : !metricText.test(value))) return undefined;
		const isFigure = /^-?\d/.test(value);
		return { metric: isFigure ? { value: isSplit ? `${value}.${next}` : value, unit } : null };
	}

	/** All possible readings of the line as a counter. */
	counters(): readonly PerfStatEntry[] {
		return this.columns(0).flatMap(columns => this.#values(columns));
	}

	#values({ value: columns, next: at }: Taken<PerfColumns>): readonly PerfStatEntry[] {
		const here = this.rest(at)[0] ?? '';
		const whole = { value: here, next: at + 1, ...(here.includes('.') ? { point: '.' } : {}) };
		// Scaled values have two decimals. Before 4.17 clocks had six, and no unit.
		const texts: readonly Taken<string>[] = [whole, ...this.decimal(at, /^(\d\d|\d{6})$/)];
		return texts.flatMap(({ value: text, next, point }) => {
			const value = readValue(text);
			if (value === null)
				return this.refuse(at, `"${text}" is not a count from 0 to 2^64-1, <not counted> or <not supported>`);
			const unit = this.rest(next)[0];
			if (unit === undefined) return this.refuse(next, 'cut off after the count');
			if (/^[\d.,]+$|[<>]/.test(unit)) return this.refuse(next, `"${unit}" is not a unit`);
			const isSplit = next === at + 2;
			if (isSplit && (unit === '') !== /\.\d{6}$/.test(text)) return this.refuse(next, `"${text}" without a unit`);
			const events = this.event(next + 1);
			if (events.length === 0) return this.refuse(next + 1, 'no event name');
			const counter = { ...columns, ...value, unit };
			return events.flatMap(event => this.#after(event.next, { ...counter, ...readEvent(event.value) }, point));
		});
	}

	/** The columns after the event: a control group with `-G`, run time and percentage, a metric. */
	#after(
		at: number,
		counter: Omit<PerfStatEntry, 'cgroup' | 'deviationPct' | 'runNs' | 'runningPct' | 'metrics'>,
		pointBefore: string | undefined,
	): readonly PerfStatEntry[] {
		const group = this.rest(at)[0] ?? '';
		const groups: Taken<string | null>[] = [{ value: null, next: at }];
		if (!deviationText.test(group)) groups.push({ value: group === '' ? null : group, next: at + 1 });
		return groups.flatMap(({ value: cgroup, next }) =>
			this.running(next).flatMap(({ value, next: end, point }) => {
				if (pointBefore !== undefined && point !== pointBefore) return this.refuse(end, 'two kinds of decimal points');
				const metric = this.metric(end);
				if (metric === undefined)
					return this.refuse(end, `"${this.joined(end, this.#fields.length)}" after the percentage`);
				return [{ ...counter, ...value, cgroup, metrics: metric.metric === null ? [] : [metric.metric] }];
			}),
		);
	}

	/** Reads the line as one without a counter: a further metric, or a metric group. */
	withoutCounter(): PerfLine | undefined {
		for (const { value: columns, next } of this.columns(0)) {
			const fields = this.rest(next);
			const empty = fields.findIndex(field => field !== '');
			if (empty === -1 && fields.length >= 3) return { kind: 'metric', columns, metric: null };
			// The value is empty if perf could not compute it, so only the unit is there.
			if (empty >= 3) {
				const metric = this.metric(next + empty) ?? this.metric(next + empty - 1);
				if (metric !== undefined) return { kind: 'metric', columns, ...metric };
			}
			if (fields[0] === '' && empty === 1) {
				const [taken] = this.running(next + 1);
				const after = taken === undefined ? [] : this.rest(taken.next);
				const named = after.filter(field => field !== '').length;
				if (after[0] === '' && after[1] === '' && (named === 1 || named === 2)) return { kind: 'group' };
			}
		}
		return undefined;
	}
}

/**
 * Parses one line of `perf stat -x SEPARATOR`, as tools/perf/util/stat-display.c of Linux 4.14 to 7.2 prints it: time or
 * `summary`, place with its number of CPUs, value, unit, event, control group, deviation, run time, percentage, metric, its
 * unit. Nothing in a line says which columns are present, so all readings are tried. A line that can be read in two ways is refused.
 */
export function readCsvLine(line: string, separator: string): PerfLine {
	const fields = new Fields(line, separator);
	const readings = new Map(
		fields
			.counters()
			.map(entry => [JSON.stringify(entry, (_, value) => (typeof value === 'bigint' ? `${value}` : value)), entry]),
	);
	const [entry, other] = [...readings.values()];
	if (entry === undefined) return fields.withoutCounter() ?? { kind: 'refused', why: fields.why };
	if (other === undefined) return { kind: 'counter', entry };
	return { kind: 'refused', why: `it can be read as ${describe(entry)} and as ${describe(other)}` };
}

function describe({ event, value, state, cpu, thread, cgroup }: PerfStatEntry): string {
	const place = [cpu, thread, cgroup].filter(one => one !== null).map(one => ` of ${one}`);
	return `${value ?? state} ${event}${place.join('')}`;
}
