import { formatDuration } from '../lib/deadline.ts';
import type { PlannedCell, RunEvent } from '../run/events.ts';
import type { CellResult, CellStatus, Results } from '../run/results.ts';

const headings = ['', 'case', 'host', 'QEMU', 'machine', 'predicted', 'observed', 'counts', 'time'] as const;
const colours: Record<CellStatus, number> = { pass: 32, xfail: 33, skip: 2, fail: 31, xpass: 31, error: 35 };

export interface PrettyOptions {
	/** Width of the terminal in columns; `undefined` for a log: nothing is cut then, nothing is rewritten. */
	readonly columns?: number | undefined;
	readonly colour?: boolean;
}

/**
 * The table of a run for people. Give it every event; it answers with the text to write. On a terminal a line about
 * what is going on is kept at the end and replaced with the next text.
 */
export class PrettyReport {
	readonly #options: PrettyOptions;
	#widths: number[] = [];
	#planned = 0;
	#ended = 0;
	readonly #running = new Map<string, string>();
	#doing = '';

	constructor(options: PrettyOptions) {
		this.#options = options;
	}

	/** The text to write for one event; empty when there is nothing to say. */
	receive(event: RunEvent): string {
		switch (event.event) {
			case 'run-start':
				this.#planned = event.cells.length;
				this.#widths = widthsFor(event.cells);
				return this.#text([this.#row(headings)]);
			case 'progress':
				return this.#progress(event.what, event.done, event.total);
			case 'cell-start':
				this.#running.set(event.cell, event.cell);
				return this.#text([]);
			case 'cell-note':
				return '';
			case 'cell-end':
				this.#running.delete(event.result.id);
				this.#ended++;
				return this.#text(this.#cell(event.result));
			case 'run-end':
				this.#doing = '';
				this.#running.clear();
				return this.#text([]);
		}
	}

	/** The closing lines: where the run is and how it went. */
	static closing(results: Results, folder: string): string {
		const parts = Object.entries(results.summary).filter(([, number]) => number > 0);
		const summary = parts.map(([status, number]) => `${number} ${status}`).join(', ') || 'no cell';
		return `\n${summary} in ${formatDuration(results.run.durationMs)}\n${folder}\n`;
	}

	#progress(what: string, done?: number, total?: number): string {
		const far = done === undefined ? '' : total === undefined ? ` ${done}` : ` ${done}/${total}`;
		if (this.#options.columns === undefined) {
			// In a log each step is said once, not each of its percents.
			if (what === this.#doing) return '';
			this.#doing = what;
			return `- ${what}\n`;
		}
		this.#doing = `${what}${far}`;
		return this.#text([]);
	}

	#cell(result: CellResult): string[] {
		const row = this.#row(
			[
				result.status,
				result.case,
				result.on.topology ?? result.on.host ?? '',
				result.qemu.version ?? result.qemu.path ?? '',
				`${result.machine}${result.pmu === null ? '' : ` pmu=${result.pmu}`}`,
				view(result.predicted),
				view(result.observed),
				counts(result),
				result.timings.totalMs === null ? '' : formatDuration(result.timings.totalMs),
			],
			result.status,
		);
		const why = result.status === 'pass' ? null : result.reason;
		return why === null ? [row] : [row, `        ${result.blame === null ? '' : `${result.blame}: `}${why}`];
	}

	#row(cells: readonly string[], status?: CellStatus): string {
		const text = cells
			.map((cell, index) => (index === cells.length - 1 ? cell : cell.padEnd(this.#widths[index] ?? 0)))
			.join('  ');
		if (status === undefined || this.#options.colour !== true) return text.trimEnd();
		const width = this.#widths[0] ?? 0;
		return `\u{1b}[${colours[status]}m${text.slice(0, width)}\u{1b}[0m${text.slice(width)}`.trimEnd();
	}

	#text(lines: readonly string[]): string {
		const { columns } = this.#options;
		const body = lines.map(line => `${line}\n`).join('');
		if (columns === undefined) return body;
		const running = [...this.#running.values()];
		const now =
			running.length > 0
				? `${this.#ended}/${this.#planned}  running ${running.join('  ')}${this.#doing === '' ? '' : `  (${this.#doing})`}`
				: this.#doing;
		return `\r\u{1b}[K${body}${now.slice(0, columns - 1)}`;
	}
}

function widthsFor(cells: readonly PlannedCell[]): number[] {
	const widest = (heading: string, values: readonly string[], least: number) =>
		Math.max(heading.length, least, ...values.map(value => value.length));
	return [
		5,
		widest(
			'case',
			cells.map(cell => cell.case),
			0,
		),
		widest(
			'host',
			cells.map(cell => cell.on.replace(/^board:/, '')),
			0,
		),
		8,
		widest(
			'machine',
			cells.map(cell => `${cell.machine}${cell.pmu === null ? '' : ` pmu=${cell.pmu}`}`),
			0,
		),
		15,
		15,
		24,
		0,
	];
}

function view(backend: { backend: string; type?: number | undefined } | null): string {
	if (backend === null) return '-';
	return backend.backend === 'event-source' ? `event-source ${backend.type ?? '?'}` : backend.backend;
}

/** Readings at a glance: each event once, with every count in the order it was taken. */
function counts({ perf }: CellResult): string {
	const byEvent = Map.groupBy(perf, reading => reading.event);
	return [...byEvent]
		.map(
			([event, readings]) =>
				`${event} ${readings.map(({ state, count }) => (state === 'counted' ? short(count) : state)).join(' > ')}`,
		)
		.join(', ');
}

function short(count: string | null): string {
	const value = Number(count);
	if (value >= 1e9) return `${(value / 1e9).toFixed(2)}G`;
	if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
	if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
	return count ?? '?';
}
