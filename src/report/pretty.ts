import { formatDuration } from '../lib/deadline.ts';
import { type ControlSequence, rendered, type ScreenText, screen } from '../lib/screen.ts';
import type { PlannedCell, RunEvent } from '../run/events.ts';
import type { CellResult, CellStatus, Results } from '../run/results.ts';
import { explanationOf, isWrong } from './explain/explanation.ts';
import { explanationLines } from './explain/text.ts';
import { Live } from './live.ts';
import { notesOf } from './notes.ts';
import { axesOf, countsOf, observedOf, viewOf } from './words.ts';

/** A line in parts: text and control sequences. */
type Line = readonly (string | ControlSequence)[];

const headings = ['', 'case', 'host', 'QEMU', 'machine', 'predicted', 'observed', 'counts', 'time'] as const;
const colours: Record<CellStatus, number> = { pass: 32, xfail: 33, skip: 2, fail: 31, xpass: 31, error: 35 };

export interface PrettyOptions {
	/** Width of the terminal in columns; `undefined` for a log, where nothing is cut or rewritten. */
	readonly columns?: number | undefined;
	readonly colour?: boolean;
	/** The run folder as a person can name it, for the commands that repeat a cell. */
	readonly folder?: string;
	/** Rows of the terminal. */
	readonly rows?: number | undefined;
	/** How long a cell took before, in milliseconds: for the estimate of what is left. */
	readonly expectedMs?: (cell: string) => number | undefined;
	/** Cells side by side. */
	readonly jobs?: number | undefined;
	/** The clock, in milliseconds since 1970. */
	readonly now?: () => number;
}

/**
 * Renders the table of a run for people. Pass it every event; it returns the text to write. On a terminal, the last lines
 * show what runs, for how long and what is left, and are replaced by the next text, in one write. (log-update does the same,
 * but writes to the stream itself: foreign text would reach the terminal without passing {@link rendered}.)
 */
export class PrettyReport {
	readonly #options: PrettyOptions;
	#widths: number[] = [];
	readonly #live: Live | undefined;
	/** Lines of the live area that are on the screen. */
	#drawn: readonly string[] = [];
	#hasHeadings = false;
	readonly #said = new Set<string>();
	/** The QEMU that each text of its column was first shown for. */
	readonly #qemus = new Map<string, string>();

	constructor(options: PrettyOptions) {
		this.#options = options;
		const { columns, rows, expectedMs, jobs } = options;
		this.#live = columns === undefined ? undefined : new Live({ columns, rows, expectedMs, jobs });
	}

	/** Returns the text that brings the times on a terminal up to date; empty if nothing changes. */
	tick(): ScreenText {
		return this.#live === undefined ? '' : this.#text([]);
	}

	/** Returns the text to write for one event; may be empty. */
	receive(event: RunEvent): ScreenText {
		this.#live?.receive(event);
		switch (event.event) {
			case 'run-start':
				this.#widths = widthsFor(event.cells);
				return this.#options.columns === undefined ? '' : this.#text(this.#isNarrow ? [] : [this.#row(headings)]);
			case 'progress':
				return this.#progress(event.what);
			case 'cell-start':
				return this.#text([]);
			case 'cell-note':
			case 'cell-phase':
				return '';
			case 'cell-end':
				return this.#text([...this.#headingsOfLog(), ...this.#cell(event.result)]);
			case 'run-end':
				return this.#text([]);
		}
	}

	/** Returns the closing lines: notes, the summary, and the path of the run folder. */
	static closing(results: Results, folder: string): string {
		const notes = notesOf(results).map(({ text }) => `note: ${text}\n`);
		const parts = Object.entries(results.summary).filter(([, number]) => number > 0);
		const summary = parts.map(([status, number]) => `${number} ${status}`).join(', ') || 'no cell';
		return `\n${notes.join('')}${notes.length === 0 ? '' : '\n'}${summary} in ${formatDuration(results.run.durationMs)}\n${folder}\n`;
	}

	/** Renders a finished run as a log. */
	static of(results: Results, folder: string): string {
		const report = new PrettyReport({ columns: undefined, folder });
		report.#widths = widthsFor(
			results.cells.map(({ id, case: name, on, qemu, machine, pmu }) => ({
				id,
				case: name,
				on: on.host ?? '',
				qemu: qemu.path ?? '',
				machine,
				pmu,
			})),
		);
		const rows = [report.#row(headings), ...results.cells.flatMap(cell => report.#cell(cell))];
		return `${rows.map(row => `${rendered(row)}\n`).join('')}${PrettyReport.closing(results, folder)}`;
	}

	#progress(what: string): ScreenText {
		if (this.#options.columns === undefined) {
			// A log shows each step once, without percentages and without alternating between parallel steps.
			if (this.#said.has(what)) return '';
			this.#said.add(what);
			return `- ${what}\n`;
		}
		return this.#text([]);
	}

	/** Returns the headings in a log, just before the first row: pages of steps may precede it. */
	#headingsOfLog(): Line[] {
		if (this.#options.columns !== undefined || this.#hasHeadings) return [];
		this.#hasHeadings = true;
		return [this.#row(headings)];
	}

	#cell(result: CellResult): Line[] {
		const row = this.#row(
			this.#isNarrow
				? this.#short(result)
				: [
						result.status,
						result.case,
						result.on.topology ?? result.on.host ?? '',
						this.#qemu(result),
						machineOf(result),
						viewOf(result.predicted),
						observedOf(result),
						countsOf(result),
						result.timings.totalMs === null ? '' : formatDuration(result.timings.totalMs),
					],
			result.status,
		);
		const why = result.status === 'pass' ? null : result.reason;
		const reason = why === null ? [] : [`${result.blame === null ? '' : `${result.blame}: `}${why}`];
		return [row, ...[...reason, ...this.#explained(result)].map(text => [`        ${text}`])];
	}

	/** What a person needs to judge a failure without opening a file. */
	#explained(result: CellResult): string[] {
		if (!isWrong(result)) return [];
		const width = Math.max(30, (this.#options.columns ?? 200) - 40);
		const explanation = explanationOf(result, this.#options.folder ?? 'RUN');
		return explanationLines(explanation, { summary: false, width, reasons: 3, pairs: 3 });
	}

	/**
	 * Its version, and whether it has the PMU choice, since that distinguishes builds of a version. If a second QEMU
	 * has the same, the given name follows.
	 */
	#qemu(result: CellResult): string {
		const { version, path, hasPmuChoice } = result.qemu;
		const text = `${version ?? path ?? ''}${hasPmuChoice === true ? '+choice' : ''}`;
		const { qemu } = axesOf(result);
		const first = this.#qemus.get(text) ?? qemu;
		this.#qemus.set(text, first);
		return first === qemu || text === qemu ? text : `${text} ${shortName(qemu, first)}`;
	}

	#row(cells: readonly string[], status?: CellStatus): Line {
		const text = cells
			.map((cell, index) => (index === cells.length - 1 ? cell : cell.padEnd(this.#widths[index] ?? 0)))
			.join('  ');
		if (status === undefined || this.#options.colour !== true) return [text.trimEnd()];
		const width = this.#widths[0] ?? 0;
		return [screen.colour(colours[status]), text.slice(0, width), screen.plain, text.slice(width).trimEnd()];
	}

	/** Whether a row of all columns does not fit the terminal. */
	get #isNarrow(): boolean {
		const { columns } = this.#options;
		return columns !== undefined && this.#widths.reduce((sum, width) => sum + width + 2, 0) - 24 > columns;
	}

	/** A row for a narrow terminal: what tells cells apart, and the time. */
	#short(result: CellResult): string[] {
		const { topology, host } = result.on;
		const time = result.timings.totalMs === null ? '' : formatDuration(result.timings.totalMs);
		return [
			result.status,
			[result.case, topology ?? host ?? '', this.#qemu(result), machineOf(result), time].join(' '),
		];
	}

	#text(lines: readonly Line[]): ScreenText {
		const body = lines.flatMap(line => [...line, '\n']);
		if (this.#live === undefined) return body;
		const drawn = this.#live.lines((this.#options.now ?? Date.now)());
		const before = this.#drawn;
		if (body.length === 0 && drawn.length === before.length && drawn.every((line, index) => line === before[index]))
			return '';
		this.#drawn = drawn;
		return [
			...(before.length > 1 ? [screen.up(before.length - 1)] : []),
			...[screen.clearLine, screen.clearBelow, ...body],
			drawn.join('\n'),
		];
	}
}

/** The machine type, and every axis that is not at its default. */
function machineOf(cell: Pick<CellResult, 'id' | 'machine' | 'pmu'>): string {
	return [cell.machine, ...axesOf(cell).axes].join(' ');
}

/** Returns the end of a path from where it differs from another; a suite without `debian:`. */
function shortName(qemu: string, other: string): string {
	const [own, others] = [qemu, other].map(one => one.split('/').reverse()) as [string[], string[]];
	const same = own.findIndex((part, index) => part !== others[index]);
	return own
		.slice(0, same === -1 ? undefined : same + 1)
		.reverse()
		.join('/')
		.replace(/^debian:/, '');
}

function widthsFor(cells: readonly Pick<PlannedCell, 'id' | 'case' | 'on' | 'machine' | 'pmu' | 'qemu'>[]): number[] {
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
		// Room for "10.0.13+choice", unless all QEMUs are Debian's, which do not have the choice.
		cells.every(cell => cell.qemu.startsWith('debian:')) ? 8 : 14,
		widest('machine', cells.map(machineOf), 0),
		15,
		15,
		24,
		0,
	];
}
