import type { WaitOptions } from '../lib/deadline.ts';
import type { Host } from './host.ts';

/** A moment in a host's kernel log. Plain data. */
export type KernelLogMark =
	/** The number of the last record of `/dev/kmsg` (Linux, Documentation/ABI/testing/dev-kmsg); -1 before the first. */
	| { readonly way: 'kmsg'; readonly sequence: number }
	/** What `dmesg` printed then: how many lines, the first one, the last ones. */
	| { readonly way: 'dmesg'; readonly count: number; readonly first: string; readonly last: readonly string[] }
	| { readonly way: 'none'; readonly why: string };

/** What a host's kernel logged since a {@link KernelLogMark}. */
export interface KernelLogPart {
	/** Oldest first, as `<LEVEL>[TIME][CALLER] TEXT` as far as the host gives these. */
	readonly lines: readonly string[];
	/** Why lines are missing, or all of them; `null` when all are there. */
	readonly unread: string | null;
}

/**
 * Prints the log, after a line that says how it was read. Records of /dev/kmsg are read without waiting for the next one;
 * dd ends with EAGAIN then, and with EPIPE when records were overwritten while it read, so that it begins again. `$1`:
 * the last record that is not wanted.
 */
const read = `
export LC_ALL=C
errors=$(mktemp) || exit 1
trap 'rm -f "$errors"' EXIT
if dd if=/dev/kmsg of=/dev/null iflag=nonblock bs=16384 count=1 2>"$errors"; then
	for attempt in 1 2 3 4 5; do
		records=$(dd if=/dev/kmsg iflag=nonblock bs=16384 2>"$errors" |
			awk -F, -v last="$1" '/^[0-9]+,[0-9]+,/ { if (first == "") { first = $2; print "first " first } keep = $2 > last + 0; sequence = $2 }
				keep { print } END { print "last " sequence }')
		if grep -qi 'temporarily unavailable' "$errors"; then
			printf 'kmsg\\n%s\\n' "$records"
			exit
		fi
	done
fi
if dmesg -r >/dev/null 2>&1; then echo dmesg; dmesg -r
elif dmesg >/dev/null 2>"$errors"; then echo dmesg; dmesg
else echo none; cat "$errors"
fi`;

/** Marks this moment in the log of a host's kernel. @throws HostError, DeadlineError, the signal's reason */
export async function markKernelLog(host: Host, options: WaitOptions = {}): Promise<KernelLogMark> {
	const { way, lines } = await readLog(host, Number.MAX_SAFE_INTEGER, options);
	if (way === 'kmsg') return { way, sequence: numberOf(lines, 'last') ?? -1 };
	if (way === 'dmesg') return { way, count: lines.length, first: lines[0] ?? '', last: lines.slice(-keptLines) };
	return { way: 'none', why: lines.join(' ').trim() || 'neither /dev/kmsg nor dmesg can be read' };
}

/**
 * What the host's kernel has logged since a mark. A log that may not be read is no error: the result says so.
 * @throws HostError, DeadlineError, the signal's reason
 */
export async function kernelLogSince(
	host: Host,
	mark: KernelLogMark,
	options: WaitOptions = {},
): Promise<KernelLogPart> {
	if (mark.way === 'none') return { lines: [], unread: `it may not be read: ${mark.why}` };
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

/** The records in what the script printed of /dev/kmsg. Exported for tests. */
export function sinceRecord(printed: readonly string[], sequence: number): KernelLogPart {
	const first = numberOf(printed, 'first');
	const lost = first === undefined ? 0 : Math.max(0, first - sequence - 1);
	return {
		lines: printed.map(lineOf).filter(line => line !== undefined),
		unread: lost === 0 ? null : `${lost} of its records were overwritten before they were read`,
	};
}

const keptLines = 3;

/** The lines after a mark in what dmesg printed. Exported for tests. */
export function sinceLine(printed: readonly string[], mark: Extract<KernelLogMark, { way: 'dmesg' }>): KernelLogPart {
	// While nothing was overwritten, the count is exact; afterwards the last line that was there then is looked for.
	if (printed[0] === mark.first && printed.length >= mark.count) {
		return { lines: printed.slice(mark.count), unread: null };
	}
	const at = printed.findLastIndex((_, index) =>
		mark.last.every((line, offset) => printed[index - mark.last.length + 1 + offset] === line),
	);
	if (at !== -1) return { lines: printed.slice(at + 1), unread: null };
	return { lines: printed, unread: 'lines of it may have been overwritten before they were read' };
}

/** A record `LEVEL,SEQUENCE,MICROSECONDS,FLAGS[,caller=WHO];TEXT` as a line; `undefined` for what is none. */
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
