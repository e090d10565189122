import { parseJson, stringifyJson } from '../../lib/text/json.ts';

export type QmpDirection = 'sent' | 'received';

/** One message on the wire, as text, with its time. */
export interface QmpRecord {
	readonly direction: QmpDirection;
	/** The message exactly as written, or a piece that is not a message. */
	readonly text: string;
	/** Milliseconds since 1970, with fractions; monotonic within a process. */
	readonly atMs: number;
}

/** Called with each message. If it throws, the connection ends. */
export type QmpRecorder = (record: QmpRecord) => void;

/**
 * Formats a line of `qmp.ndjson`, with its newline: `{"at":"…Z","direction":"sent","message":{…}}`. Text that is not a JSON
 * object on one line is stored as a string in `text` instead of `message`. `atMs` keeps the fractions of a millisecond.
 */
export function formatRecord({ direction, text, atMs }: QmpRecord): string {
	const trimmed = text.trim();
	const verbatim = trimmed.startsWith('{') && !/[\r\n]/.test(trimmed) && isJson(trimmed);
	const head = `{"at":"${new Date(atMs).toISOString()}","atMs":${atMs.toFixed(3)},"direction":"${direction}"`;
	return verbatim ? `${head},"message":${trimmed}}\n` : `${head},"text":${JSON.stringify(text)}}\n`;
}

/** A line as {@link formatRecord} writes it. The content of `message` is taken unchanged, to the last digit. */
const ownLine = /^\{"at":"[^"]*","atMs":[\d.]+,"direction":"(?:sent|received)","message":(.*)\}$/;

/** Parses `qmp.ndjson`. Skips a truncated last line and markers of omitted records. @throws SyntaxError naming the line */
export function parseRecording(ndjson: string): QmpRecord[] {
	const lines = ndjson.split('\n');
	const records: QmpRecord[] = [];
	for (const [index, line] of lines.entries()) {
		if (line.trim() === '') continue;
		try {
			const entry = parseJson(line) as unknown as {
				atMs: number;
				direction: QmpDirection;
				message?: object;
				text?: string;
				/** Marks records that were omitted because the file became too long. */
				omittedBytes?: number;
			};
			if (entry.omittedBytes !== undefined) continue;
			if (entry.direction !== 'sent' && entry.direction !== 'received') throw new SyntaxError("no 'direction'");
			const verbatim = ownLine.exec(line)?.[1];
			const text = verbatim ?? entry.text ?? (entry.message === undefined ? undefined : stringifyJson(entry.message));
			if (text === undefined) throw new SyntaxError("neither 'message' nor 'text'");
			records.push({ direction: entry.direction, text, atMs: Number(entry.atMs) });
		} catch (error) {
			if (index === lines.length - 1) break;
			throw new SyntaxError(`line ${index + 1} of the recording: ${(error as Error).message}`, { cause: error });
		}
	}
	return records;
}

function isJson(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}
