import { shorten, visible } from '../lib/text/foreign.ts';
import type { CellPhase, RunEvent } from '../run/events.ts';
import type { CellResult } from '../run/results.ts';
import { reasonOf } from './explain/explanation.ts';

/** An event of Chrome's trace format, which ui.perfetto.dev and chrome://tracing open. Times are in microseconds. */
interface TraceEvent {
	readonly name: string;
	readonly ph: 'X' | 'C' | 'M' | 'i';
	readonly pid: number;
	readonly tid: number;
	readonly ts?: number;
	readonly dur?: number;
	readonly cat?: string;
	readonly s?: 'p';
	readonly args?: Readonly<Record<string, unknown>>;
}

/** A stretch of time on a track; what it contains lies within it. */
interface Slice {
	readonly name: string;
	readonly from: number;
	readonly to: number;
	readonly cat: string;
	readonly args?: Readonly<Record<string, unknown>>;
	readonly within?: readonly Slice[];
}

/** One attempt of a cell, as far as the events tell. */
interface Attempt {
	readonly phases: { readonly at: number; readonly phase: CellPhase; readonly host?: string }[];
	startedAt?: number;
}

const tracks = { cells: 1, hosts: 2, waits: 3, steps: 4 } as const;
const trackNames: Readonly<Record<keyof typeof tracks, string>> = {
	...{ cells: 'cells, a row for each slot', hosts: 'hosts and boards' },
	...{ waits: 'cells that wait for a slot', steps: 'steps of the run' },
};

const phaseNames: Readonly<Record<CellPhase, string | null>> = {
	...{ slot: null, host: 'waits for its host', prepare: 'what it needs is made' },
	...{ 'wait-to-count': 'waits to count alone', count: 'counts alone', counted: null },
};

/**
 * Renders where the time of a run went, as Chrome trace JSON: the cells in the slots that they took, with their waits, boots
 * and counts; the hosts and boards that they had; the steps of the run. A cell without an end lasts until the last event.
 */
export function chromeTraceOf(events: readonly RunEvent[]): string {
	const begin = Date.parse(events[0]?.at ?? '');
	const times = events.map(event => Math.max(0, Date.parse(event.at) - begin));
	const end = Math.max(0, ...times.slice(-1), ...(times.length > 0 ? [times.reduce((a, b) => Math.max(a, b))] : []));
	const open = new Map<string, Attempt>();
	const steps = new Map<string, { from: number; to: number }>();
	const slices: Record<'cells' | 'waits', Slice[]> = { cells: [], waits: [] };
	const onHosts = new Map<string, Slice[]>();
	const attemptOf = (cell: string) => {
		const attempt = open.get(cell) ?? { phases: [] };
		open.set(cell, attempt);
		return attempt;
	};
	const close = (cell: string, at: number, result?: CellResult) => {
		const attempt = attemptOf(cell);
		open.delete(cell);
		addAttempt({ cell, attempt, at, result }, slices, onHosts);
	};
	events.forEach((event, index) => {
		const at = times[index]!;
		if (event.event === 'cell-phase') {
			const { phase, host } = event;
			attemptOf(event.cell).phases.push({ at, phase, ...(host === undefined ? {} : { host }) });
		} else if (event.event === 'cell-start') attemptOf(event.cell).startedAt = at;
		else if (event.event === 'cell-end') close(event.result.id, at, event.result);
		else if (event.event === 'progress') steps.set(event.what, { from: steps.get(event.what)?.from ?? at, to: at });
	});
	for (const cell of [...open.keys()]) close(cell, end);
	const rows = [
		...rowsOf('cells', slices.cells),
		...[...onHosts].flatMap(([host, own], index) => rowsOf('hosts', own, { first: index * 100, name: host })),
		...rowsOf('waits', slices.waits),
		...rowsOf(
			'steps',
			[...steps].map(([name, { from, to }]): Slice => ({ name, from, to, cat: 'step' })),
		),
	];
	const names = (Object.keys(tracks) as (keyof typeof tracks)[]).map(
		(track): TraceEvent => ({
			...{ name: 'process_name', ph: 'M', pid: tracks[track], tid: 0 },
			args: { name: trackNames[track] },
		}),
	);
	return `${JSON.stringify({ traceEvents: [...names, ...rows, ...runningCells(slices.cells)], displayTimeUnit: 'ms' })}\n`;
}

function addAttempt(
	{ cell, attempt, at, result }: { cell: string; attempt: Attempt; at: number; result: CellResult | undefined },
	slices: Record<'cells' | 'waits', Slice[]>,
	onHosts: Map<string, Slice[]>,
): void {
	const { phases, startedAt } = attempt;
	const waitsFrom = phases.find(({ phase }) => phase === 'slot')?.at;
	const from = phases.find(({ phase }) => phase === 'host')?.at ?? startedAt;
	if (waitsFrom !== undefined) slices.waits.push({ name: cell, from: waitsFrom, to: from ?? at, cat: 'wait' });
	if (from === undefined) return;
	const inner = phases.flatMap(({ at: begins, phase }, index): Slice[] => {
		const name = phaseNames[phase];
		const next = phases[index + 1]?.at ?? (phase === 'prepare' ? (startedAt ?? at) : at);
		const to = phase === 'prepare' ? Math.min(next, startedAt ?? next) : next;
		return name === null ? [] : [{ name, from: begins, to, cat: phase }];
	});
	const args = {
		...(result === undefined
			? { status: 'no end' }
			: { status: result.status, reason: reasonOf(result) || null, on: result.on.host }),
	};
	slices.cells.push({ name: cell, from, to: at, cat: 'cell', args, within: [...inner, ...bootOf(at, result)] });
	const host = phases.find(one => one.host !== undefined);
	if (host?.host === undefined) return;
	onHosts.set(host.host, [...(onHosts.get(host.host) ?? []), { name: cell, from: host.at, to: at, cat: 'host' }]);
}

/** The boot of the cell's last machine. */
function bootOf(at: number, result: CellResult | undefined): Slice[] {
	const { startMs, greetingMs, shellMs, totalMs } = result?.timings ?? {};
	if (startMs === undefined || typeof greetingMs !== 'number' || typeof totalMs !== 'number') return [];
	const from = at - totalMs + startMs;
	const started: Slice = { name: 'QEMU starts', from, to: from + greetingMs, cat: 'boot' };
	return typeof shellMs === 'number'
		? [started, { name: 'the guest boots', from: from + greetingMs, to: from + shellMs, cat: 'boot' }]
		: [started];
}

/** Lays slices out on as few rows as they need. */
function rowsOf(
	track: keyof typeof tracks,
	slices: readonly Slice[],
	{ first = 0, name }: { first?: number; name?: string } = {},
): TraceEvent[] {
	const pid = tracks[track];
	const rows: number[] = [];
	const found: TraceEvent[] = [];
	for (const slice of slices.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
		const free = rows.findIndex(busyUntil => busyUntil <= slice.from);
		const row = free === -1 ? rows.length : free;
		rows[row] = Math.max(slice.to, slice.from);
		const tid = first + row + 1;
		found.push(traceEvent(slice, pid, tid));
		// What a viewer nests must not reach out of what contains it, nor into what follows.
		let last = slice.from;
		for (const inner of (slice.within ?? []).toSorted((a, b) => a.from - b.from)) {
			const from = Math.min(Math.max(inner.from, last), slice.to);
			last = Math.min(Math.max(inner.to, from), slice.to);
			found.push(traceEvent({ ...inner, from, to: last }, pid, tid));
		}
	}
	const label = (row: number) => (name === undefined ? `${row + 1}` : rows.length === 1 ? name : `${name} ${row + 1}`);
	return [
		...rows.map(
			(_, row): TraceEvent => ({
				...{ name: 'thread_name', ph: 'M', pid, tid: first + row + 1 },
				args: { name: visible(shorten(label(row), 300)) },
			}),
		),
		...found,
	];
}

function traceEvent({ name, from, to, cat, args }: Slice, pid: number, tid: number): TraceEvent {
	return {
		...{ name: visible(shorten(name, 300)), ph: 'X', cat, pid, tid },
		...{ ts: Math.round(from * 1000), dur: Math.round(Math.max(0, to - from) * 1000) },
		...(args === undefined ? {} : { args }),
	};
}

/** How many cells ran at each time. */
function runningCells(cells: readonly Slice[]): TraceEvent[] {
	const changes = cells.flatMap(({ from, to }) => [
		{ at: from, by: 1 },
		{ at: to, by: -1 },
	]);
	let running = 0;
	return changes
		.sort((a, b) => a.at - b.at || a.by - b.by)
		.map(({ at, by }): TraceEvent => {
			running += by;
			return {
				name: 'running cells',
				ph: 'C',
				pid: tracks.cells,
				tid: 0,
				ts: Math.round(at * 1000),
				args: { cells: running },
			};
		});
}
