import type { PerfStatEntry } from '../perf/entry.ts';

/** The perf release to imitate: how its tools/perf/util/stat-display.c (4.14: builtin-stat.c) differs. */
export type Release = '4.14' | '5.10' | '6.2' | '6.12' | '7.2';

/** How perf was called, and its locale. */
export interface Style {
	readonly release: Release;
	/** `null` for JSON. */
	readonly separator: string | null;
	/** The locale's decimal point. */
	readonly point: '.' | ',';
	readonly repeated: boolean;
	/** With `-G`: a counter without a control group has an empty column. */
	readonly cgroups: boolean;
}

export type Place =
	| { readonly kind: 'none' }
	| { readonly kind: 'cpu'; readonly cpu: number }
	/** A `percore` event with `-A`: a core without a number of CPUs. */
	| { readonly kind: 'percore'; readonly id: string }
	| { readonly kind: 'aggregation'; readonly key: string; readonly id: string; readonly cpus: number }
	| { readonly kind: 'thread'; readonly thread: string };

/** One counter and the metrics that perf derives from it; a metric without a value could not be computed. */
export interface Printed {
	readonly place: Place;
	/** Nanoseconds since the start; `'summary'` for the sum after the intervals. */
	readonly time: number | 'summary' | null;
	readonly count: bigint | 'not-counted' | 'not-supported';
	/** Hundredths, for an event that perf scales, such as task-clock. */
	readonly fraction: number | null;
	readonly unit: string;
	readonly event: string;
	readonly cgroup: string | null;
	/** Hundredths of a percent. */
	readonly deviation: number;
	readonly runNs: bigint;
	/** Hundredths of a percent. */
	readonly running: number;
	readonly metrics: readonly { readonly hundredths: number | null; readonly unit: string }[];
	/** A metric group whose counters are not printed follows the counter (6.5 and later). */
	readonly group: string | null;
}

const newer = (release: Release) => release === '6.12' || release === '7.2';
const hundredths = (value: number, point: string) =>
	`${Math.trunc(value / 100)}${point}${String(value % 100).padStart(2, '0')}`;
const wordOf = (state: 'not-counted' | 'not-supported') => `<${state.replace('-', ' ')}>`;
const secondsOf = (nanoseconds: number) =>
	`${Math.trunc(nanoseconds / 1e9)}.${String(nanoseconds % 1e9).padStart(9, '0')}`;

/** Prints a counter as perf does, in lines. */
export function printCounter(one: Printed, style: Style): string {
	return style.separator === null ? printJson(one, style) : printCsv(one, style, style.separator);
}

function printCsv(one: Printed, style: Style, separator: string): string {
	const { release, point, repeated, cgroups } = style;
	const isOld = release === '4.14' || release === '5.10';
	const time = typeof one.time === 'number' ? [secondsOf(one.time).padStart(isOld ? 16 : 0)] : [];
	const prefix = one.time === 'summary' ? [isOld ? 'summary'.padStart(16) : 'summary'] : time;
	const place = placeColumns(one.place);
	const running = [
		...(repeated ? [`${hundredths(one.deviation, point)}%`] : []),
		String(one.runNs),
		hundredths(one.running, point),
	];
	// The value is cut at the first character that is neither a digit nor a point.
	const metric = ({ hundredths: value, unit }: Printed['metrics'][number]) => [
		value === null ? '' : hundredths(value, point).split(',')[0]!,
		unit,
	];
	const value = typeof one.count === 'bigint' ? countText(one, one.count, point) : wordOf(one.count);
	const counter = [...prefix, ...place, value, one.unit, one.event, ...(cgroups ? [one.cgroup ?? ''] : [])];
	const [first, ...more] = one.metrics;
	// The metric of a counter that was not counted has neither a value nor a unit.
	const lines = [[...counter, ...running, ...(first === undefined ? ['', ''] : metric(first))]];
	const padded = (newer(release) ? 4 : 3 + place.length) + (cgroups ? 1 : 0);
	const padding = Array.from({ length: padded }, () => '');
	for (const further of more) lines.push([...time, ...place, ...padding.concat(''), ...metric(further)]);
	if (one.group !== null && newer(release)) {
		lines.push([...time, ...place, '', ...running, ...padding.slice(1), one.group]);
		lines.push([...time, ...place, ...padding, '', '20.5', 'tma_backend_bound']);
	}
	return lines.map(fields => `${fields.join(separator)}\n`).join('');
}

/** Before 4.17 clocks had six decimals and no unit. */
function countText(one: Printed, count: bigint, point: string): string {
	if (one.fraction === null) return String(count);
	const places = String(one.fraction).padStart(2, '0');
	return one.unit === '' ? `${count}${point}${places}0000` : `${count}${point}${places}`;
}

function placeColumns(place: Place): readonly string[] {
	switch (place.kind) {
		case 'none':
			return [];
		case 'cpu':
			return [`CPU${place.cpu}`];
		case 'percore':
			return [place.id];
		case 'aggregation':
			return [place.id, String(place.cpus)];
		case 'thread':
			return [place.thread];
	}
}

function printJson(one: Printed, { release, point, repeated, cgroups }: Style): string {
	const isQuoted = newer(release);
	const lead = [
		...(typeof one.time === 'number' ? [`"interval" : ${secondsOf(one.time)}, `] : []),
		placeMembers(one.place, release),
	].join('');
	const number = (text: string) => (isQuoted ? `"${text}"` : text);
	const metric = ({ hundredths: value, unit }: Printed['metrics'][number]) =>
		`"metric-value" : ${number(value === null ? 'nan' : `${hundredths(value, point)}0000`)}, "metric-unit" : "${unit}"`;
	const value =
		typeof one.count === 'bigint'
			? `${one.count}${point}${String(one.fraction ?? 0).padStart(2, '0')}0000`
			: wordOf(one.count);
	const counter = [
		`"counter-value" : "${value}", "unit" : "${one.unit}", "event" : "${one.event}", `,
		...(cgroups ? [`"cgroup" : "${one.cgroup ?? ''}", `] : []),
		...(repeated ? [`"variance" : ${hundredths(one.deviation, point)}, `] : []),
	].join('');
	const running = `"event-runtime" : ${one.runNs}, "pcnt-running" : ${hundredths(one.running, point)}`;
	const [first, ...more] = one.metrics;
	// Up to 6.12 a counter without a metric has an empty metric without a unit; from 6.14 on it has none.
	const zero = number(`0${point}000000`);
	const without =
		release === '7.2' ? '' : `, "metric-value" : ${zero}, "metric-unit" : "${release === '6.2' ? '(null)' : ''}"`;
	const lines = [`${lead}${counter}${running}${first === undefined ? without : `, ${metric(first)}`}`];
	for (const further of more) lines.push(`${lead}${metric(further)}`);
	if (one.group !== null && isQuoted) {
		lines.push(`${lead}${running}, "metricgroup" : "${one.group}"`);
		lines.push(`${lead}"metric-value" : ${number('20.500000')}, "metric-unit" : "%  tma_backend_bound"`);
	}
	return lines.map(line => `{${line}}\n`).join('');
}

function placeMembers(place: Place, release: Release): string {
	switch (place.kind) {
		case 'none':
			return '';
		case 'cpu':
			return `"cpu" : "${place.cpu}", `;
		case 'percore':
			// No comma before 6.14.
			return release === '7.2' ? `"core" : "${place.id}", ` : `"core" : "${place.id}"`;
		case 'aggregation':
			return `"${place.key}" : "${place.id}", "${release === '7.2' ? 'counters' : 'aggregate-number'}" : ${place.cpus}, `;
		case 'thread':
			return `"thread" : "${place.thread}", `;
	}
}

/** The expected parse result of a printed counter. */
export function expectedOf(one: Printed, style: Style): Omit<PerfStatEntry, 'pmu' | 'modifiers' | 'value'> {
	const { place, time, count } = one;
	const isCut = style.separator !== null && style.point === ',';
	const isWhole = one.fraction === null || one.fraction === 0;
	return {
		event: one.event,
		state: typeof count === 'bigint' ? 'counted' : count,
		count: typeof count === 'bigint' && isWhole ? count : null,
		zero: count === 0n && isWhole,
		unit: one.unit,
		cpu: place.kind === 'cpu' ? String(place.cpu) : 'id' in place ? place.id : null,
		aggregated: place.kind === 'aggregation' ? place.cpus : null,
		thread: place.kind === 'thread' ? place.thread : null,
		cgroup: style.cgroups ? one.cgroup : null,
		intervalSeconds: typeof time === 'number' ? Number(secondsOf(time)) : null,
		summary: time === 'summary',
		runNs: one.runNs,
		runningPct: one.running / 100,
		deviationPct: style.repeated ? one.deviation / 100 : null,
		metrics: one.metrics
			.filter(metric => metric.hundredths !== null)
			.map(({ hundredths: value, unit }) => {
				const text = hundredths(value!, '.');
				return { value: isCut ? text.split('.')[0]! : style.separator === null ? `${text}0000` : text, unit };
			}),
	};
}
