import { parseJson, stringifyJson } from '../../lib/json.ts';

export type QmpDirection = 'sent' | 'received';

/** One message on the wire, as text, and when. */
export interface QmpRecord {
	readonly direction: QmpDirection;
	/** The message exactly as it was written, or a piece that is none. */
	readonly text: string;
	/** Milliseconds since 1970, with fractions; steady within a process. */
	readonly atMs: number;
}

/** Takes each message as it passes. What it throws ends the connection. */
export type QmpRecorder = (record: QmpRecord) => void;

/**
 * A line of `qmp.ndjson`, with its newline: `{"at":"…Z","direction":"sent","message":{…}}`. What is no JSON object on one
 * line stands as string in `text` instead of `message`. `atMs` keeps the fractions of a millisecond.
 */
export function formatRecord({ direction, text, atMs }: QmpRecord): string {
	const trimmed = text.trim();
	const verbatim = trimmed.startsWith('{') && !/[\r\n]/.test(trimmed) && isJson(trimmed);
	const head = `{"at":"${new Date(atMs).toISOString()}","atMs":${atMs.toFixed(3)},"direction":"${direction}"`;
	return verbatim ? `${head},"message":${trimmed}}\n` : `${head},"text":${JSON.stringify(text)}}\n`;
}

/** A line as {@link formatRecord} writes it: what stands in `message` is taken as it is, to the last digit. */
const ownLine = /^\{"at":"[^"]*","atMs":[\d.]+,"direction":"(?:sent|received)","message":(.*)\}$/;

/** Reads `qmp.ndjson`. A last line that was cut off is left out, and what says that others were. @throws SyntaxError naming the line */
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
				/** In place of records that were left out of a file that became too long. */
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
