import { counted } from '../../lib/text/counted.ts';
import { visible } from '../../lib/text/foreign.ts';
import { formatDuration } from '../../lib/waiting/deadline.ts';
import type { RunEvent } from '../../run/events.ts';
import type { CellStatus } from '../../run/results.ts';

export interface LiveOptions {
	readonly columns: number;
	/** Rows of the terminal; default 24. */
	readonly rows?: number | undefined;
	/** How long a cell took before, in milliseconds. */
	readonly expectedMs?: ((cell: string) => number | undefined) | undefined;
	/** Cells side by side, for the estimate; default 1. */
	readonly jobs?: number | undefined;
}

/** Running cells that are listed at most. */
const mostRunning = 8;

/** What a run is doing now: a fold of its events, shown as a few lines that fit the terminal. */
export class Live {
	readonly #options: LiveOptions;
	readonly #running = new Map<string, number>();
	readonly #left = new Set<string>();
	readonly #ended = new Map<string, CellStatus>();
	readonly #took: number[] = [];
	#planned = 0;
	#startedAt: number | undefined;
	#doing = '';

	constructor(options: LiveOptions) {
		this.#options = options;
	}

	receive(event: RunEvent): void {
		const at = Date.parse(event.at);
		if (event.event === 'run-start') {
			this.#planned = event.cells.length;
			this.#startedAt = at;
			for (const cell of event.cells) if (cell.skip === null) this.#left.add(cell.id);
		} else if (event.event === 'progress') {
			const { what, done, total } = event;
			this.#doing = `${what}${done === undefined ? '' : total === undefined ? ` ${done}` : ` ${done}/${total}`}`;
		} else if (event.event === 'cell-start') this.#running.set(event.cell, at);
		else if (event.event === 'cell-end') {
			const { id, status, timings } = event.result;
			this.#running.delete(id);
			this.#left.delete(id);
			this.#ended.set(id, status);
			if (timings.totalMs !== null && status !== 'skip') this.#took.push(timings.totalMs);
		} else if (event.event === 'run-end') {
			this.#running.clear();
			this.#left.clear();
			this.#doing = '';
		}
	}

	/** The lines at this moment (milliseconds since 1970), none longer than the terminal is wide. */
	lines(now: number): string[] {
		const { columns, rows = 24 } = this.#options;
		const cut = (text: string) => fitted(text, columns - 1);
		const doing = oneLine(this.#doing);
		if (this.#running.size === 0 && this.#left.size === 0) return this.#doing === '' ? [] : [cut(doing)];
		const most = Math.max(1, Math.min(mostRunning, rows - 4));
		const running = [...this.#running];
		const more = running.length - most;
		return [
			cut(this.#head(now)),
			...running.slice(0, most).map(([cell, since]) => {
				const time = formatDuration(Math.max(0, now - since));
				// The time stays in sight on a narrow terminal.
				const name = fitted(oneLine(cell), Math.max(8, columns - time.length - 6));
				return cut(`  ${name}  ${time}`);
			}),
			...(more > 0 ? [cut(`  and ${more} more`)] : []),
			...(this.#doing === '' ? [] : [cut(`  (${doing})`)]),
		];
	}

	#head(now: number): string {
		const of = (...statuses: readonly CellStatus[]) =>
			[...this.#ended.values()].filter(status => statuses.includes(status)).length;
		const [failed, errors] = [of('fail', 'xpass'), of('error')];
		const left = this.#leftMs(now);
		return [
			`${this.#ended.size}/${this.#planned}`,
			failed > 0 ? `${failed} failed` : 'no failure',
			...(errors > 0 ? [counted(errors, 'error')] : []),
			`${this.#running.size} running`,
			...(this.#startedAt === undefined ? [] : [formatDuration(Math.max(0, now - this.#startedAt))]),
			...(left === undefined ? [] : [`about ${formatDuration(left)} left`]),
		].join('  ');
	}

	/** Estimates the time that is left: what cells took before, else what those of this run took on average. */
	#leftMs(now: number): number | undefined {
		const { expectedMs, jobs = 1 } = this.#options;
		const average = this.#took.length === 0 ? undefined : this.#took.reduce((a, b) => a + b, 0) / this.#took.length;
		let sum = 0;
		for (const cell of this.#left) {
			const expected = expectedMs?.(cell) ?? average;
			if (expected === undefined) return undefined;
			const since = this.#running.get(cell);
			sum += since === undefined ? expected : Math.max(0, expected - (now - since));
		}
		return sum / Math.max(1, Math.min(jobs, this.#left.size));
	}
}

const oneLine = (text: string) => visible(text.replaceAll(/\s+/g, ' '));

/** Cuts a text so that it takes at most so many columns of a terminal. */
function fitted(text: string, columns: number): string {
	let width = 0;
	let end = 0;
	for (const character of text) {
		// East Asian wide characters and emoji take two columns; none below U+1100 does.
		width += character.codePointAt(0)! < 0x1100 ? 1 : 2;
		if (width > columns) break;
		end += character.length;
	}
	return text.slice(0, end);
}
