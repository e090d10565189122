import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { logBounds } from '../../lib/bounds.ts';
import { messageOf } from '../../lib/errors.ts';
import { FileSink, type SinkOptions } from '../../lib/file-sink.ts';

/** What a machine leaves behind in its folder. */
export type ArtifactName =
	| 'argv.json'
	| 'qmp.ndjson'
	| 'console.log'
	/** When each piece of console.log came, as scriptreplay(1) takes it: seconds since the one before, and bytes. */
	| 'console.timing'
	| 'qemu.stderr'
	| 'trace.log'
	| 'triage.txt';

/** What a text that is written at once may have. */
const textBytes = 4 * 1024 * 1024;
const cutText = Buffer.from('\n[vpmu: the rest was left out]\n');

/**
 * The files of one machine, in a folder of this machine. Writing never fails the machine: a file that could not be
 * written is told of once, through `onNote`, and is not among {@link written}.
 */
export class Artifacts implements AsyncDisposable {
	readonly #folder: string | undefined;
	readonly #onNote: (note: string) => void;
	readonly #streams = new Map<ArtifactName, FileSink>();
	readonly #written = new Map<ArtifactName, string>();

	/** @param folder made where it is missing; without one, nothing is kept */
	static async open(folder: string | undefined, onNote: (note: string) => void): Promise<Artifacts> {
		if (folder !== undefined) await mkdir(folder, { recursive: true });
		return new Artifacts(folder, onNote);
	}

	/** Use {@link open}. */
	constructor(folder: string | undefined, onNote: (note: string) => void) {
		this.#folder = folder;
		this.#onNote = onNote;
	}

	/** Name to path of what is there so far. */
	get written(): Readonly<Record<string, string>> {
		return Object.fromEntries(this.#written);
	}

	/** The path for a file that somebody else writes, `undefined` when nothing is kept. */
	pathFor(name: ArtifactName): string | undefined {
		return this.#folder === undefined ? undefined : path.join(this.#folder, name);
	}

	async writeJson(name: ArtifactName, value: unknown): Promise<void> {
		await this.writeText(name, `${JSON.stringify(value, bigintAsText, '\t')}\n`);
	}

	async writeText(name: ArtifactName, text: string): Promise<void> {
		await this.writeBytes(name, Buffer.from(text), textBytes);
	}

	/** Writes a whole file; of one that is longer than `maxBytes` the beginning, and says so. */
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

	/** A file that grows, to its bounds. Undefined when nothing is kept. This object owns it. */
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

	/** One record a line (NDJSON), to the same bounds: what is left out is a line that says so. */
	recorder(name: 'qmp.ndjson'): ((line: string) => void) | undefined {
		const file = this.stream(name, {
			bounds: { ...logBounds, lines: true },
			omission: omittedBytes => `${JSON.stringify({ at: new Date().toISOString(), omittedBytes })}\n`,
		});
		return file === undefined ? undefined : line => void file.write(line);
	}

	/**
	 * Writes what a console receives, byte for byte, and beside it when it came. `undefined` when nothing is kept. What comes
	 * when console.log is full has no times: it stands at its end as one piece.
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

	/** Closes the files; all that was written to them is in them then. */
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
