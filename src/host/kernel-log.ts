import type { WaitOptions } from '../lib/waiting/deadline.ts';
import type { Host } from './host.ts';

/** A position in a host's kernel log. Plain data. */
export type KernelLogMark =
	/** Number of the last record of `/dev/kmsg` (Linux, Documentation/ABI/testing/dev-kmsg); -1 before the first. */
	| { readonly way: 'kmsg'; readonly sequence: number }
	/** What `dmesg` printed at that time: the number of lines, the first line, the last lines. */
	| { readonly way: 'dmesg'; readonly count: number; readonly first: string; readonly last: readonly string[] }
	| { readonly way: 'none'; readonly why: string };

/** The host kernel's messages since a {@link KernelLogMark}. */
export interface KernelLogPart {
	/** Oldest first, as `<LEVEL>[TIME][CALLER] TEXT`, without the parts that the host does not give. */
	readonly lines: readonly string[];
	/** Why some or all lines are missing; `null` if the lines are complete. */
	readonly unread: string | null;
}

/**
 * Prints the log, after a line that says how it was read. Reads /dev/kmsg without blocking: at the last record, dd ends with
 * EAGAIN. If records were overwritten during the read, dd ends with EPIPE and the script starts again. Only dd's own message
 * starts with a letter. The script needs no temporary file, which would stay if it were killed. `$1`: the last record to skip.
 */
const read = `
export LC_ALL=C
if dd if=/dev/kmsg of=/dev/null iflag=nonblock bs=16384 count=1 2>/dev/null; then
	for attempt in 1 2 3 4 5; do
		if records=$(dd if=/dev/kmsg iflag=nonblock bs=16384 status=none 2>&1 |
			awk -F, -v last="$1" '/^[^ 0-9]/ { if (tolower($0) ~ /temporarily unavailable/) complete = 1; next }
				/^[0-9]+,[0-9]+,/ { if (first == "") { first = $2; print "first " first } keep = $2 > last + 0; sequence = $2 }
				keep { print } END { print "last " sequence; exit !complete }'); then
			printf 'kmsg\\n%s\\n' "$records"
			exit
		fi
	done
fi
if dmesg -r >/dev/null 2>&1; then echo dmesg; dmesg -r
elif errors=$(dmesg 2>&1 >/dev/null); then echo dmesg; dmesg
else echo none; printf '%s\\n' "$errors"
fi`;

/** Marks the current position in the log of a host's kernel. @throws HostError, DeadlineError, the signal's reason */
export async function markKernelLog(host: Host, options: WaitOptions = {}): Promise<KernelLogMark> {
	const { way, lines } = await readLog(host, Number.MAX_SAFE_INTEGER, options);
	if (way === 'kmsg') return { way, sequence: numberOf(lines, 'last') ?? -1 };
	if (way === 'dmesg') return { way, count: lines.length, first: lines[0] ?? '', last: lines.slice(-keptLines) };
	return { way: 'none', why: lines.join(' ').trim() || 'neither /dev/kmsg nor dmesg can be read' };
}

/**
 * Returns the host kernel's messages since a mark. If the log must not be read, the result says so; that is not an error.
 * @throws HostError, DeadlineError, the signal's reason
 */
export async function kernelLogSince(
	host: Host,
	mark: KernelLogMark,
	options: WaitOptions = {},
): Promise<KernelLogPart> {
	if (mark.way === 'none') return { lines: [], unread: mark.why };
	const { way, lines } = await readLog(host, mark.way === 'kmsg' ? mark.sequence : -1, options);
	if (way !== mark.way) return { lines: [], unread: `it was read by ${mark.way} before, and by ${way} now` };
	return mark.way === 'kmsg' ? sinceRecord(lines, mark.sequence) : sinceLine(lines, mark);
}

async function readLog(host: Host, last: number, options: WaitOptions) {
	const { stdout } = await host.run(['sh', '-c', read, 'sh', String(last)], options);
	const [way = 'none', ...lines] = stdout.toString('utf8').split('\n');
	if (lines.at(-1) === '') lines.pop();
	return { way: way as KernelLogMark['way'], lines };
}

/** Parses the records that the script printed from /dev/kmsg. Exported for tests. */
export function sinceRecord(printed: readonly string[], sequence: number): KernelLogPart {
	const first = numberOf(printed, 'first');
	const lost = first === undefined ? 0 : Math.max(0, first - sequence - 1);
	return {
		lines: printed.map(lineOf).filter(line => line !== undefined),
		unread: lost === 0 ? null : `${lost} of its records were overwritten before they were read`,
	};
}

const keptLines = 3;

/** Returns the lines after a mark in the output of dmesg. Exported for tests. */
export function sinceLine(printed: readonly string[], mark: Extract<KernelLogMark, { way: 'dmesg' }>): KernelLogPart {
	// The line count is exact as long as nothing was overwritten. After that, search for the last line at the mark.
	if (printed[0] === mark.first && printed.length >= mark.count) {
		return { lines: printed.slice(mark.count), unread: null };
	}
	const at = printed.findLastIndex((_, index) =>
		mark.last.every((line, offset) => printed[index - mark.last.length + 1 + offset] === line),
	);
	if (at !== -1) return { lines: printed.slice(at + 1), unread: null };
	return { lines: printed, unread: 'lines of it may have been overwritten before they were read' };
}

/** Formats a record `LEVEL,SEQUENCE,MICROSECONDS,FLAGS[,caller=WHO];TEXT` as a line; `undefined` for other text. */
function lineOf(record: string): string | undefined {
	const match = /^(\d+),\d+,(\d+),([^;]*);(.*)$/.exec(record);
	if (match === null) return undefined;
	const [, priority = '', microseconds = '', flags = '', text = ''] = match;
	const caller = /caller=([CT]\d+)/.exec(flags)?.[1];
	const time = `${microseconds.slice(0, -6) || '0'}.${microseconds.padStart(6, '0').slice(-6)}`.padStart(12);
	const said = text.replaceAll(/\\x([0-9a-f]{2})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
	return `<${priority}>[${time}]${caller === undefined ? '' : `[${caller.padStart(6)}]`} ${said}`;
}

function numberOf(lines: readonly string[], name: string): number | undefined {
	const found = lines.find(line => line.startsWith(`${name} `))?.slice(name.length + 1);
	return found === undefined || found === '' ? undefined : Number(found);
}
