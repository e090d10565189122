import { type Recognised, recognise } from './words.ts';

/** One thing that a kernel reported, with what it printed about it. */
export interface KernelReport extends Recognised {
	/** The line that names it, without what stands before it (level, time, CPU). */
	readonly line: string;
	/** That line and what follows until the next report or the end of this one, as printed; at most 40 lines. */
	readonly lines: readonly string[];
}

const keptLines = 40;
/** What ends a report (kernel/panic.c). */
const endOfReport = /---\[ end (trace|Kernel panic)/;
/** What begins a WARN or BUG whose own line may be lost on a console. */
const cutHere = /-{6,}\[ cut here \]-{6,}/;

/**
 * What stands before a kernel's words, in any order and number: a level (`<4>`), a time (`[   12.345678]`, also as a
 * date), the CPU or thread that printed it (`[    C1]`, `[  T123]`), what syslog puts before all.
 */
const prefixes =
	/^(?:\w{3} [ \d]\d [\d:]{8} \S{1,64} kernel: |\d{4}-\d\d-\d\dT\S{1,40} \S{1,64} kernel: )?(?:<\d{1,3}>|\[ {0,8}\d{1,9}\.\d{3,9}\] ?|\[ {0,6}[CT]\d{1,10}\] ?|\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] ?)*/;

/** A line of a kernel log without what stands before the kernel's own words. */
export function withoutPrefixes(line: string): string {
	return line.replace(prefixes, '').trim();
}

/** The reports in lines of a kernel log, oldest first. */
export function kernelReports(lines: readonly string[]): readonly KernelReport[] {
	const reports: { kind: Recognised['kind']; what: string; line: string; lines: string[] }[] = [];
	let open: (typeof reports)[number] | undefined;
	/** Opened by a line that only announces one. */
	let isAnnounced = false;
	for (const line of lines) {
		const said = recognise(line);
		if (said !== undefined) {
			const isSame = open !== undefined && !isAnnounced && open.kind === said.kind && endOfReport.test(line);
			if (isAnnounced && open !== undefined) {
				Object.assign(open, said, { line: withoutPrefixes(line) });
				open.lines.push(line);
			} else if (isSame) open?.lines.push(line);
			else {
				open = { ...said, line: withoutPrefixes(line), lines: [line] };
				reports.push(open);
			}
			isAnnounced = false;
		} else if (cutHere.test(line)) {
			open = { kind: 'warning', what: 'warning', line: withoutPrefixes(line), lines: [line] };
			reports.push(open);
			isAnnounced = true;
		} else if (open !== undefined && open.lines.length < keptLines) open.lines.push(line);
		if (endOfReport.test(line)) {
			open = undefined;
			isAnnounced = false;
		}
	}
	return reports;
}
