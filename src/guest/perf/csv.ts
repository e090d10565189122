import { type PerfStatEntry, readEvent, readValue } from './entry.ts';

type Fields = { readonly all: readonly string[]; next: number };

/** Why a line is not one of `perf stat -x`. */
export type Refusal = { readonly refused: string };

/** A line that only carries a further metric of the counter before it. */
export type MetricLine = { readonly metric: { readonly value: string; readonly unit: string } };

const digits = /^\d+$/;

/** A decimal number at the cursor, also one whose decimal comma was split because the separator is a comma. */
function takeDecimal(fields: Fields, places: RegExp): string | undefined {
	const here = fields.all[fields.next];
	if (here === undefined) return undefined;
	const whole = /^(\d+)[.,](\d+)$/.exec(here);
	if (whole !== null && places.test(whole[2]!)) {
		fields.next += 1;
		return `${whole[1]}.${whole[2]}`;
	}
	const following = fields.all[fields.next + 1];
	if (digits.test(here) && following !== undefined && digits.test(following) && places.test(following)) {
		fields.next += 2;
		return `${here}.${following}`;
	}
	return undefined;
}

/** An event's name; one of the form `pmu/a=1,b=2/u` may hold the separator. */
function takeEvent(fields: Fields, separator: string): string | undefined {
	let event = fields.all[fields.next++];
	if (event === undefined || event === '') return undefined;
	while ((event.match(/\//g) ?? []).length === 1) {
		const more = fields.all[fields.next++];
		if (more === undefined) return undefined;
		event += separator + more;
	}
	return event;
}

/**
 * One line of `perf stat -x SEPARATOR`, as tools/perf/Documentation/perf-stat.txt ("CSV FORMAT") lists its fields:
 * time stamp, CPU or aggregation with its number of CPUs, value, unit, event, deviation, run time, percentage, metric, its unit.
 */
export function readCsvLine(line: string, separator: string): PerfStatEntry | MetricLine | Refusal {
	const fields: Fields = { all: line.split(separator).map(field => field.trim()), next: 0 };
	if (fields.all.length < 5) return { refused: 'too few fields' };

	const interval = takeDecimal(fields, /^\d{9}$/);
	let cpu: string | null = null;
	const place = fields.all[fields.next]!;
	if (/^CPU\d+$/.test(place)) {
		cpu = place.slice(3);
		fields.next += 1;
	} else if (/^[SNDC]\d+(-[A-Z]+\d+)*$/.test(place)) {
		cpu = place;
		fields.next += 1;
		// Aggregations say how many CPUs they hold; -A of cores (S0-D0-C1) does not.
		if (digits.test(fields.all[fields.next] ?? '') && digits.test(fields.all[fields.next + 1] ?? '')) fields.next += 1;
		else if (digits.test(fields.all[fields.next] ?? '') && /^</.test(fields.all[fields.next + 1] ?? ''))
			fields.next += 1;
	}

	const metricOnly = fields.all.slice(fields.next);
	const metricAt = metricOnly.findIndex(field => field !== '');
	if (metricAt >= 3) {
		const [value, unit, ...rest] = metricOnly.slice(metricAt);
		if (value !== undefined && /^-?\d+\.\d+$|^nan$|^-?inf$/.test(value) && unit !== undefined && rest.length === 0)
			return { metric: { value, unit } };
		return { refused: 'neither a counter nor a metric' };
	}

	const fraction = takeDecimal(fields, /^\d+$/);
	const text = fraction ?? fields.all[fields.next++]!;
	const value = readValue(text);
	if (value === null) return { refused: `"${text}" is not a count from 0 to 2^64-1, <not counted> or <not supported>` };
	const unit = fields.all[fields.next++];
	if (unit === undefined) return { refused: 'cut off after the count' };
	if (digits.test(unit)) return { refused: `"${unit}" is not a unit` };
	const event = takeEvent(fields, separator);
	if (event === undefined) return { refused: 'no event name' };
	if (/^[\d.]+%?$|[<>\s]/.test(event)) return { refused: `"${event}" is not an event name` };

	const deviation = /^(\d+)[.,](\d+)%$/.exec(fields.all[fields.next] ?? '');
	if (deviation !== null) fields.next += 1;
	const run = fields.all[fields.next++];
	if (run === undefined || !digits.test(run)) return { refused: 'no run time in nanoseconds' };
	const running = takeDecimal(fields, /^\d\d$/);
	if (running === undefined || Number(running) > 100) return { refused: 'no percentage of run time' };

	const rest = fields.all.slice(fields.next);
	const metric = rest[0] ?? '';
	if (metric === '' ? rest.some(field => field !== '') : !/^-?\d+[.,]?\d*$|^nan$|^-?inf$/.test(metric))
		return { refused: `"${rest.join(separator)}" after the percentage` };
	return {
		...readEvent(event),
		...value,
		unit,
		runNs: BigInt(run),
		runningPct: Number(running),
		deviationPct: deviation === null ? null : Number(`${deviation[1]}.${deviation[2]}`),
		cpu,
		intervalSeconds: interval === undefined ? null : Number(interval),
		metrics: metric === '' ? [] : [{ value: metric, unit: rest.slice(1).join(separator) }],
	};
}
