import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../lib/errors.ts';
import { FileSink, type SinkOptions } from '../../lib/files/file-sink.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { logBounds } from '../../lib/text/bounds.ts';

/** Names of the files that a machine leaves in its folder. */
export type ArtifactName =
	| 'argv.json'
	| 'qmp.ndjson'
	| 'console.log'
	/** Times of each piece of console.log in the format of scriptreplay(1): seconds since the previous piece, and bytes. */
	| 'console.timing'
	| 'qemu.stderr'
	| 'trace.log'
	| 'triage.txt';

/** Longest text that is written at once. */
const textBytes = 4 * 1024 * 1024;
const cutText = Buffer.from('\n[vpmu: the rest was left out]\n');

/**
 * The files of one machine, in a local folder. A write error never fails the machine: it is reported once through `onNote`,
 * and the file is left out of {@link written}.
 */
export class Artifacts implements AsyncDisposable {
	readonly #folder: string | undefined;
	readonly #onNote: (note: string) => void;
	readonly #streams = new Map<ArtifactName, FileSink>();
	readonly #written = new Map<ArtifactName, string>();

	/** @param folder created if missing; without it, no files are kept */
	static async open(folder: string | undefined, onNote: (note: string) => void): Promise<Artifacts> {
		if (folder !== undefined) await makeFolder(folder);
		return new Artifacts(folder, onNote);
	}

	/** Use {@link open}. */
	constructor(folder: string | undefined, onNote: (note: string) => void) {
		this.#folder = folder;
		this.#onNote = onNote;
	}

	/** Maps names to paths of the files written so far. */
	get written(): Readonly<Record<string, string>> {
		return Object.fromEntries(this.#written);
	}

	/** Returns the path for a file written elsewhere; `undefined` if no files are kept. */
	pathFor(name: ArtifactName): string | undefined {
		return this.#folder === undefined ? undefined : path.join(this.#folder, name);
	}

	async writeJson(name: ArtifactName, value: unknown): Promise<void> {
		await this.writeText(name, `${JSON.stringify(value, bigintAsText, '\t')}\n`);
	}

	async writeText(name: ArtifactName, text: string): Promise<void> {
		await this.writeBytes(name, Buffer.from(text), textBytes);
	}

	/** Writes a whole file. If it is longer than `maxBytes`, writes only the beginning and adds a note. */
	async writeBytes(name: ArtifactName, bytes: Buffer, maxBytes: number): Promise<void> {
		const file = this.pathFor(name);
		if (file === undefined) return;
		const isCut = bytes.length > maxBytes;
		try {
			await writeFile(file, isCut ? Buffer.concat([bytes.subarray(0, maxBytes), cutText]) : bytes);
			this.#written.set(name, file);
			if (isCut) this.#onNote(`${name} has only the first ${maxBytes} bytes`);
		} catch (error) {
			this.#problem(name, error);
		}
	}

	/** Opens a growing file with bounds; `undefined` if no files are kept. This object owns it. */
	stream(name: ArtifactName, options: Omit<SinkOptions, 'onOmission'> = {}): FileSink | undefined {
		const file = this.pathFor(name);
		if (file === undefined) return undefined;
		const onProblem = (error: Error) => {
			this.#written.delete(name);
			this.#problem(name, error);
		};
		const stream = new FileSink(file, onProblem, {
			...options,
			onOmission: bytes => this.#onNote(`${bytes} bytes were left out of ${name}: it became too long`),
		});
		this.#streams.set(name, stream);
		this.#written.set(name, file);
		return stream;
	}

	/** Opens a file with one record per line (NDJSON) and the same bounds. A line in the file marks omitted records. */
	recorder(name: 'qmp.ndjson'): ((line: string) => void) | undefined {
		const file = this.stream(name, {
			bounds: { ...logBounds, lines: true },
			omission: omittedBytes => `${JSON.stringify({ at: new Date().toISOString(), omittedBytes })}\n`,
		});
		return file === undefined ? undefined : line => void file.write(line);
	}

	/**
	 * Records console output byte for byte, and its times in a second file. `undefined` if no files are kept. After console.log
	 * is full, output has no times and is stored at its end as one piece.
	 */
	consoleRecorder(): ((bytes: Buffer, atMs: number) => void) | undefined {
		const log = this.stream('console.log');
		const timing = this.stream('console.timing');
		if (log === undefined || timing === undefined) return undefined;
		let lastMs = performance.now();
		let timed = 0;
		return (bytes, atMs) => {
			log.write(bytes);
			const inFile = Math.min(bytes.length, logBounds.headBytes - timed);
			if (inFile <= 0) return;
			timing.write(`${((atMs - lastMs) / 1000).toFixed(6)} ${inFile}\n`);
			timed += inFile;
			lastMs = atMs;
		};
	}

	/** Closes the files after all data has been written. */
	async [Symbol.asyncDispose](): Promise<void> {
		const streams = [...this.#streams.values()];
		await Promise.all(streams.map(stream => stream.close()));
		this.#streams.clear();
	}

	#problem(name: ArtifactName, error: unknown): void {
		this.#onNote(`${name} could not be written: ${messageOf(error)}`);
	}
}

function bigintAsText(_key: string, value: unknown): unknown {
	return typeof value === 'bigint' ? String(value) : value;
}
