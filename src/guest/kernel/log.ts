import { shorten } from '../../lib/text/foreign.ts';
import { type Recognised, recognise } from './words.ts';

/** One kernel report, with the lines that belong to it. */
export interface KernelReport extends Recognised {
	/** The line that names it, without its prefixes (level, time, CPU). */
	readonly line: string;
	/** That line and those up to the next report or the end of this one, as printed; at most 40 lines. */
	readonly lines: readonly string[];
}

const keptLines = 40;
const mostReports = 200;
/** Lines that end a report (kernel/panic.c). */
const endOfReport = /---\[ end (trace|Kernel panic)/;
/** Lines that begin a WARN or BUG, whose own line may be lost on a console. */
const cutHere = /-{6,}\[ cut here \]-{6,}/;

/**
 * Prefixes of a kernel log line, in any order and number: a level (`<4>`), a time (`[   12.345678]`, or a
 * date), the CPU or thread that printed it (`[    C1]`, `[  T123]`), and a syslog prefix before them.
 */
const prefixes =
	/^(?:\w{3} [ \d]\d [\d:]{8} \S{1,64} kernel: |\d{4}-\d\d-\d\dT\S{1,40} \S{1,64} kernel: )?(?:<\d{1,3}>|\[ {0,8}\d{1,9}\.\d{1,9}\] ?|\[ {0,6}[CT]\d{1,10}\] ?|\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] ?)*/;

/** Returns a line of a kernel log without its prefixes. */
export function withoutPrefixes(line: string): string {
	return shorten(line).replace(prefixes, '').trim();
}

interface OpenReport {
	kind: Recognised['kind'];
	what: string;
	line: string;
	readonly lines: string[];
}

/** Splits a kernel log, line by line, into reports. */
export class KernelLogReader {
	readonly #reports: OpenReport[] = [];
	#open: OpenReport | undefined;
	/** The open report, if it began with a line that only announces one. */
	#announced: OpenReport | undefined;

	/** Reports, oldest first; only the first 200 are kept. */
	get reports(): readonly KernelReport[] {
		return this.#reports;
	}

	/** Whether the next lines belong to a report, so that all of them must be passed. */
	get isInReport(): boolean {
		return this.#announced !== undefined || (this.#open !== undefined && this.#open.lines.length < keptLines);
	}

	/** Takes the next complete line. */
	push(whole: string): void {
		const line = shorten(whole);
		const said = recognise(line);
		if (said !== undefined) this.#take(said, line);
		else if (cutHere.test(line)) {
			this.#announced = this.#begin({ kind: 'warning', what: 'warning' }, line);
		} else if (this.#open !== undefined && this.#open.lines.length < keptLines) this.#open.lines.push(line);
		if (endOfReport.test(line)) {
			this.#open = undefined;
			this.#announced = undefined;
		}
	}

	#take(said: Recognised, line: string): void {
		const [open, announced] = [this.#open, this.#announced];
		if (announced !== undefined) {
			Object.assign(announced, said, { line: withoutPrefixes(line) });
			announced.lines.push(line);
		} else if (open?.kind === said.kind && endOfReport.test(line)) open.lines.push(line);
		else this.#begin(said, line);
		this.#announced = undefined;
	}

	#begin(said: Recognised, line: string): OpenReport {
		const report = { ...said, line: withoutPrefixes(line), lines: [line] };
		this.#open = report;
		if (this.#reports.length < mostReports) this.#reports.push(report);
		return report;
	}
}

/** Returns the reports in the lines of a kernel log, oldest first. */
export function kernelReports(lines: Iterable<string>): readonly KernelReport[] {
	const reader = new KernelLogReader();
	for (const line of lines) reader.push(line);
	return reader.reports;
}

/** Returns a line's time stamp in seconds since boot; `undefined` if it has none. */
function timeOf(line: string | undefined): number | undefined {
	const match = /^(?:<\d{1,3}>)?\[ {0,8}(\d{1,9}\.\d{1,9})\]/.exec(line ?? '');
	return match === null ? undefined : Number(match[1]);
}

/** Reports within this time of each other belong to one fault: an oops has up to four. */
const togetherSeconds = 1;

/** The reports of one fault, oldest first, from its first line to the panic. */
export function incidentsOf(reports: readonly KernelReport[]): readonly (readonly KernelReport[])[] {
	const incidents: KernelReport[][] = [];
	for (const report of reports) {
		const last = incidents.at(-1)?.at(-1);
		const before = timeOf(last?.lines.at(-1));
		const now = timeOf(report.lines[0]);
		const isNear = before === undefined || now === undefined || now - before <= togetherSeconds;
		const hasEnded = last?.lines.some(line => endOfReport.test(line)) === true && report.kind !== 'panic';
		if (last === undefined || hasEnded || !isNear) incidents.push([report]);
		else incidents.at(-1)!.push(report);
	}
	return incidents;
}
