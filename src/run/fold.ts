import type { RunEvent } from './events.ts';
import { attemptFolder } from './paths.ts';
import { type CellResult, type CellStatus, cellStatuses, type Results } from './results.ts';

/** Reasons of cells without a verdict in an interrupted run. */
export const interrupted = { while: 'interrupted while it ran', before: 'interrupted before it ran' } as const;

/** Whether an interrupt kept a cell from its verdict. Such a cell is a `skip`, but other skips say something of the cell. */
export const isInterrupted = ({ status, reason }: Pick<CellResult, 'status' | 'reason'>): boolean =>
	status === 'skip' && (reason === interrupted.while || reason === interrupted.before);

/** Whether the infrastructure or an interrupt kept a cell from its verdict. */
export const isLost = (cell: Pick<CellResult, 'status' | 'reason'>): boolean =>
	cell.status === 'error' || isInterrupted(cell);

/**
 * Folds the events of a run into its results. The results also contain cells that were planned but have no end: `skip` if the
 * plan said so, otherwise `error`, because an unfinished cell must not count as success. If a cell was retried, its last
 * attempt counts; the earlier attempts are listed.
 *
 * @throws Error when the events do not begin with a `run-start`
 */
export function resultsOf(events: Iterable<RunEvent>): Results {
	let start: Extract<RunEvent, { event: 'run-start' }> | undefined;
	let end: Extract<RunEvent, { event: 'run-end' }> | undefined;
	let lastAt = '';
	const started = new Set<string>();
	const ended = new Map<string, CellResult[]>();
	for (const event of events) {
		lastAt = event.at;
		if (event.event === 'run-start') start = event;
		else if (event.event === 'run-end') end = event;
		else if (event.event === 'cell-start') started.add(event.cell);
		else if (event.event === 'cell-end') {
			ended.set(event.result.id, [...(ended.get(event.result.id) ?? []), event.result]);
		}
	}
	if (start === undefined) throw new Error("events of a run must begin with 'run-start'");

	const cells = start.cells.map(cell => {
		const attempts = ended.get(cell.id);
		if (attempts !== undefined) return lastOf(attempts);
		const lost: Pick<CellResult, 'status' | 'reason' | 'blame'> =
			cell.skip !== null
				? { status: 'skip', reason: cell.skip, blame: null }
				: end?.interrupted === true
					? {
							status: 'skip',
							reason: started.has(cell.id) ? interrupted.while : interrupted.before,
							blame: null,
						}
					: {
							status: 'error',
							reason: started.has(cell.id) ? 'started, and nothing was heard of it again' : 'never started',
							blame: 'harness',
						};
		return {
			id: cell.id,
			case: cell.case,
			...lost,
			on: {
				host: cell.on,
				topology: cell.on.startsWith('board:') ? cell.on.slice('board:'.length) : null,
				kernel: null,
			},
			qemu: { version: null, path: cell.qemu, hasPmuChoice: null },
			accel: cell.accel,
			machine: cell.machine,
			pmu: cell.pmu,
			cpuPmu: cell.cpuPmu,
			simulated: [],
			predicted: null,
			observed: null,
			perf: [],
			timings: { spawnMs: null, greetingMs: null, shellMs: null, totalMs: null },
			artifacts: {},
		} satisfies CellResult;
	});
	const durationMs = end?.durationMs ?? Math.max(0, Date.parse(lastAt) - Date.parse(start.run.startedAt));
	const packages = end?.packages;
	const run = { ...start.run, durationMs, ...(packages === undefined ? {} : { packages }) };
	return { schema: 'vpmu-results/1', run, cells, summary: summaryOf(cells) };
}

/** Returns the last attempt of a cell, with the earlier ones listed in it. */
function lastOf(attempts: readonly CellResult[]): CellResult {
	const last = attempts.at(-1)!;
	const before = attempts.slice(0, -1);
	if (before.length === 0) return last;
	const flaky = last.status === 'pass' || last.status === 'xfail';
	const trouble = before.map(({ status, reason, blame }) =>
		[status, ...(blame === null ? [] : [`(${blame})`]), ...(reason === null ? [] : [`: ${reason}`])]
			.join(' ')
			.replace(' :', ':'),
	);
	const note = flaky ? `flaky: ${last.status} at attempt ${attempts.length}; before: ${trouble.join('; ')}` : null;
	return {
		...last,
		reason: [last.reason, note].filter(text => text !== null).join('; ') || null,
		flaky,
		attempts: before.map(({ id, status, reason, blame, timings }, index) => ({
			...{ status, reason, blame, totalMs: timings.totalMs },
			folder: attemptFolder(id, index + 1),
		})),
	};
}

/** Counts the cells of each status. */
export function summaryOf(cells: readonly CellResult[]): Record<CellStatus, number> {
	return Object.fromEntries(
		cellStatuses.map(status => [status, cells.filter(cell => cell.status === status).length]),
	) as Record<CellStatus, number>;
}
