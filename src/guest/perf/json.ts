import type { MetricLine, Refusal } from './csv.ts';
import { type PerfStatEntry, readEvent, readValue } from './entry.ts';

/** Every member as text: numbers in their own digits, since a 64-bit run time does not fit a double. */
function parseFlatObject(line: string): Record<string, string> | undefined {
	// perf prints numbers under the user's locale: `"pcnt-running" : 100,00` would not be JSON.
	const text = line.replace(/(:\s*)(\d+),(\d+)(?=\s*[,}])/g, '$1$2.$3');
	let value: unknown;
	try {
		value = JSON.parse(text, function (this: unknown, _key: string, member: unknown, context?: { source?: string }) {
			return typeof member === 'number' ? (context?.source ?? String(member)) : member;
		} as (this: unknown, key: string, member: unknown) => unknown);
	} catch {
		return undefined;
	}
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
	return Object.values(value).every(member => typeof member === 'string')
		? (value as Record<string, string>)
		: undefined;
}

/** One line of `perf stat --json-output`. */
export function readJsonLine(line: string): PerfStatEntry | MetricLine | Refusal {
	const members = parseFlatObject(line);
	if (members === undefined) return { refused: 'not a JSON object of plain members' };
	const { event, unit = '' } = members;
	const metricUnit = members['metric-unit'] ?? '(null)';
	const metric =
		metricUnit === '(null)' || metricUnit === ''
			? undefined
			: { value: members['metric-value'] ?? '', unit: metricUnit.trim() };
	if (event === undefined) return metric === undefined ? { refused: 'neither a counter nor a metric' } : { metric };
	if (event === '') return { refused: 'no event name' };

	const text = members['counter-value'];
	const value = readValue((text ?? '').replace(',', '.'));
	if (value === null) return { refused: `"${text}" is not a count from 0 to 2^64-1, <not counted> or <not supported>` };
	const run = members['event-runtime'];
	if (run === undefined || !/^\d+$/.test(run)) return { refused: 'no run time in nanoseconds' };
	const running = Number(members['pcnt-running'] ?? Number.NaN);
	if (!(running >= 0 && running <= 100)) return { refused: 'no percentage of run time' };
	const place = members.cpu ?? members.core ?? members.socket ?? members.die ?? members.cluster ?? members.node;
	return {
		...readEvent(event),
		...value,
		unit,
		runNs: BigInt(run),
		runningPct: running,
		deviationPct: members.variance === undefined ? null : Number(members.variance),
		cpu: place ?? null,
		intervalSeconds: members.interval === undefined ? null : Number(members.interval),
		metrics: metric === undefined ? [] : [metric],
	};
}
