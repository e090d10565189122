import { type ControlSequence, rendered, type ScreenText, screen } from '../../lib/text/screen.ts';
import { formatDuration } from '../../lib/waiting/deadline.ts';
import type { RunEvent } from '../../run/events.ts';
import type { CellResult, CellStatus, Results } from '../../run/results.ts';
import { explanationOf, isWrong, reasonOf } from '../explain/explanation.ts';
import { explanationLines } from '../explain/text.ts';
import { notesOf } from '../notes.ts';
import { axesOf, countsOf, observedOf, programName, viewOf } from '../words.ts';
import { Live } from './live.ts';
import {
	columnOf,
	columnsBeforeCounts,
	headings,
	machineOf,
	rowLines,
	shortName,
	widthsOf,
	widthsOfPlan,
} from './table.ts';

/** A line in parts: text and control sequences. */
type Line = readonly (string | ControlSequence)[];

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
				this.#widths = widthsOfPlan(event.cells);
				return this.#options.columns === undefined ? '' : this.#text(this.#isNarrow ? [] : this.#row(headings));
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
		const texts = results.cells.map(cell => report.#texts(cell));
		report.#widths = widthsOf(texts);
		const rows = [
			...report.#row(headings),
			...results.cells.flatMap((cell, at) => [...report.#row(texts[at]!, cell.status), ...report.#reasons(cell)]),
		];
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
		return this.#row(headings);
	}

	#cell(result: CellResult): Line[] {
		const row = this.#isNarrow ? this.#short(result) : this.#row(this.#texts(result), result.status);
		return [...row, ...this.#reasons(result)];
	}

	#texts(result: CellResult): string[] {
		// Without widths, nothing limits the words.
		const width = this.#widths[columnOf('observed')] ?? Number.POSITIVE_INFINITY;
		return [
			...[result.status, result.case, result.on.topology ?? result.on.host ?? '', this.#qemu(result)],
			...[machineOf(result), viewOf(result.predicted), observedOf(result, width)],
			...[result.timings.totalMs === null ? '' : formatDuration(result.timings.totalMs), countsOf(result)],
		];
	}

	#reasons(result: CellResult): Line[] {
		const why = result.status === 'pass' ? '' : reasonOf(result);
		const reason = why === '' ? [] : [`${result.blame === null ? '' : `${result.blame}: `}${why}`];
		return [...reason, ...this.#explained(result)].map(text => [`        ${text}`]);
	}

	/** What a person needs to judge a failure without opening a file. */
	#explained(result: CellResult): string[] {
		if (!isWrong(result)) return [];
		const width = Math.max(30, (this.#options.columns ?? 200) - 40);
		const explanation = explanationOf(result, this.#options.folder ?? 'RUN');
		return explanationLines(explanation, { summary: false, width, pairs: 3 });
	}

	/**
	 * Its version, and whether it has the PMU choice, since that distinguishes builds of a version. If a second QEMU
	 * has the same, the given name follows.
	 */
	#qemu(result: CellResult): string {
		const { version, path, hasPmuChoice } = result.qemu;
		// A cell that never asked its QEMU for the version.
		if (version === null) return programName(path ?? '');
		const text = `${version}${hasPmuChoice === true ? '+choice' : ''}`;
		const { qemu } = axesOf(result);
		const first = this.#qemus.get(text) ?? qemu;
		this.#qemus.set(text, first);
		return first === qemu ? text : `${text} ${shortName(qemu, first)}`;
	}

	#row(texts: readonly string[], status?: CellStatus): Line[] {
		const [text, ...more] = rowLines(texts, this.#widths, this.#options.columns);
		return [this.#coloured(text!, status), ...more.map(line => [line])];
	}

	#coloured(text: string, status: CellStatus | undefined): Line {
		if (status === undefined || this.#options.colour !== true) return [text];
		const width = this.#widths[0] ?? 0;
		return [screen.colour(colours[status]), text.slice(0, width), screen.plain, text.slice(width)];
	}

	/** Whether a row without its counts does not fit the terminal. */
	get #isNarrow(): boolean {
		const { columns } = this.#options;
		return columns !== undefined && columnsBeforeCounts(this.#widths) > columns;
	}

	/** A row for a narrow terminal: what tells cells apart, and the time. */
	#short(result: CellResult): Line[] {
		const { topology, host } = result.on;
		const time = result.timings.totalMs === null ? '' : formatDuration(result.timings.totalMs);
		const told = [result.case, topology ?? host ?? '', this.#qemu(result), machineOf(result), time].join(' ');
		return [this.#coloured(`${result.status.padEnd(this.#widths[0] ?? 0)}  ${told}`.trimEnd(), result.status)];
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
