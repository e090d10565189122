import { type PerfLine, type PerfStatEntry, readEvent, readValue } from './entry.ts';

/** A place with `-A` or an aggregation; perf prints at most one of them. */
const places = ['cpu', 'core', 'cluster', 'cache', 'die', 'socket', 'node'] as const;

const known = new Set<string>([
	...places,
	...['interval', 'thread', 'cgroup', 'unit', 'event', 'variance', 'counter-value', 'event-runtime', 'pcnt-running'],
	// The number of CPUs or counters in an aggregation, up to 6.13 and from 6.14 on.
	...['aggregate-number', 'counters'],
	...['metric-value', 'metric-unit', 'metric-threshold', 'metricgroup'],
]);

/**
 * perf's output is not always valid JSON: it escapes nothing, prints locale decimals and `nan`, and omits a comma after `core`.
 */
function repair(line: string): string {
	return line
		.replaceAll('\\', '\\\\')
		.replace(/("core" : "[^"]*")\s*(?=")/, '$1, ')
		.replace(/(:\s*)(\d+),(\d+)(?=\s*[,}])/g, '$1$2.$3')
		.replace(/(:\s*)(-?(?:nan|inf))(?=\s*[,}])/g, '$1"$2"');
}

/** Every member as text. Numbers keep their digits, because a 64-bit run time does not fit a double. */
function parseFlatObject(line: string): Record<string, string> | undefined {
	let value: unknown;
	try {
		value = JSON.parse(repair(line), ((_key: string, member: unknown, context?: { source?: string }) =>
			typeof member === 'number' ? (context?.source ?? String(member)) : member) as (
			this: unknown,
			key: string,
			member: unknown,
		) => unknown);
	} catch {
		return undefined;
	}
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
	return Object.values(value).every(member => typeof member === 'string')
		? (value as Record<string, string>)
		: undefined;
}

/** Parses one line of `perf stat --json-output`, as Linux 6.0 to 7.2 print it. */
export function readJsonLine(line: string): PerfLine {
	const members = parseFlatObject(line);
	if (members === undefined) return refused('not a JSON object of plain members');
	const keys = Object.keys(members);
	const strange = keys.find(key => !known.has(key));
	if (strange !== undefined)
		return refused(`"${strange}" is not a member that is known; with --metric-only there are no counters`);
	if ((line.match(/"[^"]*" :/g) ?? []).length > keys.length) return refused('a member is there twice');
	const placed = places.filter(place => members[place] !== undefined);
	if (placed.length > 1) return refused(`both "${placed[0]}" and "${placed[1]}"`);
	const aggregated = members['aggregate-number'] ?? members.counters;
	if (aggregated !== undefined && !/^\d+$/.test(aggregated)) return refused(`"${aggregated}" is not a number of CPUs`);
	const columns = {
		cpu: placed[0] === undefined ? null : members[placed[0]]!,
		aggregated: aggregated === undefined ? null : Number(aggregated),
		thread: members.thread ?? null,
		intervalSeconds: members.interval === undefined ? null : Number(members.interval),
		summary: false,
	};
	const metric = metricOf(members);
	const { event, unit = '' } = members;
	if (event === undefined) {
		// For a metric group perf prints the running time but no counter.
		if (members.metricgroup !== undefined || members['event-runtime'] !== undefined) return { kind: 'group' };
		return members['metric-value'] === undefined
			? refused('neither a counter nor a metric')
			: { kind: 'metric', columns, metric };
	}
	if (event === '') return refused('no event name');

	const text = members['counter-value'];
	const value = readValue((text ?? '').replace(',', '.'));
	if (value === null) return refused(`"${text}" is not a count from 0 to 2^64-1, <not counted> or <not supported>`);
	const run = members['event-runtime'];
	if (run === undefined || !/^\d+$/.test(run)) return refused('no run time in nanoseconds');
	const running = Number(members['pcnt-running'] ?? Number.NaN);
	if (!(running >= 0 && running <= 100)) return refused('no percentage of run time');
	const entry: PerfStatEntry = {
		...readEvent(event),
		...value,
		...columns,
		unit,
		cgroup: members.cgroup || null,
		runNs: BigInt(run),
		runningPct: running,
		deviationPct: members.variance === undefined ? null : Number(members.variance),
		metrics: metric === null ? [] : [metric],
	};
	return { kind: 'counter', entry };
}

/** `null` if perf has none or could not compute it. */
function metricOf(members: Readonly<Record<string, string>>): PerfStatEntry['metrics'][number] | null {
	const unit = (members['metric-unit'] ?? '').trim();
	const value = (members['metric-value'] ?? '').replace(',', '.');
	if (unit === '' || unit === '(null)' || !/^-?\d/.test(value)) return null;
	return { value, unit };
}

function refused(why: string): PerfLine {
	return { kind: 'refused', why };
}
