import {
	closeSync,
	fstatSync,
	lstatSync,
	openSync,
	readFileSync,
	readSync,
	realpathSync,
	statSync,
	writeSync,
} from 'node:fs';
import path from 'node:path';
import { messageOf, UsageError } from '../lib/errors.ts';
import { makeFolderSync } from '../lib/files/make-folder.ts';
import { checkJson } from '../lib/files/stored.ts';
import { writeWholeSync } from '../lib/files/whole-file.ts';
import { omissionText } from '../lib/text/bounds.ts';
import type { RunEvent } from './events.ts';
import type { Results } from './results.ts';
import { eventShape, resultsShape } from './shapes.ts';

/** The folder of one run: `events.ndjson` during the run, results and reports at its end, and a folder for each cell. */
export class RunFolder implements Disposable {
	readonly path: string;
	readonly #events: number;
	#problem: unknown;

	/** Creates the folder. @throws UsageError when that fails, or when the folder already contains a run */
	constructor(folder: string) {
		this.path = path.resolve(folder);
		try {
			makeFolderSync(path.join(this.path, 'cells'));
			this.#events = openSync(path.join(this.path, 'events.ndjson'), 'wx');
		} catch (error) {
			const code = (error as NodeJS.ErrnoException).code;
			const why =
				code === 'EEXIST' ? 'it holds a run already (events.ndjson); name a new folder' : (error as Error).message;
			throw new UsageError(`cannot write the run into '${folder}' (--out): ${why}`, { cause: error });
		}
	}

	/** The first write error; `undefined` if everything was written. */
	get problem(): unknown {
		return this.#problem;
	}

	/**
	 * Appends one event. It is in the file, in order, when this returns. Never throws: a run continues when its disk is full.
	 * After the first {@link problem} nothing is appended, so that only the last line can be damaged.
	 */
	append(event: RunEvent): void {
		if (this.#problem !== undefined) return;
		const line = Buffer.from(`${JSON.stringify(event)}\n`);
		try {
			const written = writeSync(this.#events, line);
			if (written < line.length) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
		} catch (error) {
			this.#problem = error;
		}
	}

	/** Writes a file atomically. Never throws, see {@link problem}. */
	write(name: string, text: string): void {
		const target = path.join(this.path, name);
		try {
			writeWholeSync(target, text);
		} catch (error) {
			this.#problem ??= error;
		}
	}

	[Symbol.dispose](): void {
		closeSync(this.#events);
	}
}

/**
 * Reads the events of a run, beginning with `run-start`. Skips a last line that was truncated by a kill.
 * @throws UsageError when the folder contains no run, or a line is damaged, naming the file, the line and the problem
 */
export function readEvents(folder: string): RunEvent[] {
	const file = path.join(folder, 'events.ndjson');
	return eventsOf(readText(file, folder), file);
}

/** Parses the text of an `events.ndjson`. @throws UsageError as {@link readEvents} */
export function eventsOf(text: string, file: string): RunEvent[] {
	const lines = text.split('\n');
	const events: RunEvent[] = [];
	lines.forEach((line, index) => {
		// Each line is written together with its newline. A line without one was truncated.
		if (index === lines.length - 1) return;
		const found = checkJson(line, eventShape);
		if (found.state === 'damaged') throw new UsageError(`'${file}' line ${index + 1} ${found.problem}`);
		events.push(found.value);
	});
	if (events[0]?.event !== 'run-start') {
		const problem = events[0] === undefined ? 'holds no whole event' : `begins with '${events[0].event}'`;
		throw new UsageError(`'${file}' ${problem}; the events of a run begin with 'run-start'`);
	}
	return events;
}

/** Reads a run's `results.json`. @throws UsageError when it is missing or damaged, naming the problem */
export function readResults(folder: string): Results {
	const file = path.join(folder, 'results.json');
	return parseResults(readText(file, folder), file);
}

/** Parses the text of a `results.json`. @throws UsageError when it is damaged, naming the problem */
export function parseResults(text: string, file: string): Results {
	const found = checkJson(text, resultsShape);
	if (found.state === 'ok') return found.value;
	throw new UsageError(`'${file}' ${found.problem}`);
}

/** How much of the beginning and of the end of an artifact is read. */
const artifactBytes = { head: 96 * 1024, tail: 384 * 1024 } as const;

/**
 * Returns a function that reads a file of a run folder by its path there, the beginning and the end of a long one; `undefined`
 * for what is missing, no file, or not in the folder: a run folder may come from anybody, and a link in it may lead anywhere.
 */
export function artifactsIn(folder: string): (file: string) => string | undefined {
	return file => {
		let descriptor: number | undefined;
		try {
			const root = realpathSync(folder);
			const target = realpathSync(path.join(root, file));
			if (!target.startsWith(`${root}${path.sep}`) || !lstatSync(target).isFile()) return undefined;
			descriptor = openSync(target, 'r');
			const { size } = fstatSync(descriptor);
			const { head, tail } = artifactBytes;
			if (size <= head + tail) return readPart(descriptor, 0, size).toString('utf8');
			const omitted = omissionText(size - head - tail);
			return `${readPart(descriptor, 0, head)}${omitted}${readPart(descriptor, size - tail, tail)}`;
		} catch {
			return undefined;
		} finally {
			if (descriptor !== undefined) closeSync(descriptor);
		}
	};
}

function readPart(descriptor: number, at: number, length: number): Buffer {
	const bytes = Buffer.alloc(length);
	return bytes.subarray(0, readSync(descriptor, bytes, 0, length, at));
}

function readText(file: string, folder: string): string {
	try {
		// Opening a FIFO would wait for a writer, and nothing could end that wait.
		const found = statSync(file);
		if (!found.isFile() && !found.isDirectory()) throw new Error('it is not a regular file');
		return readFileSync(file, 'utf8');
	} catch (error) {
		throw new UsageError(
			`'${folder}' is not the folder of a run: cannot read ${path.basename(file)}: ${messageOf(error)}`,
			{
				cause: error,
			},
		);
	}
}
