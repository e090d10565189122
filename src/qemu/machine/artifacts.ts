import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../lib/errors.ts';
import { FileSink } from '../../lib/file-sink.ts';

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

/**
 * The files of one machine, in a folder of this machine. Writing never fails the machine: a file that could not be
 * written is told of once, through `onProblem`, and is not among {@link written}.
 */
export class Artifacts implements AsyncDisposable {
	readonly #folder: string | undefined;
	readonly #onProblem: (note: string) => void;
	readonly #streams = new Map<ArtifactName, FileSink>();
	readonly #written = new Map<ArtifactName, string>();

	/** @param folder made where it is missing; without one, nothing is kept */
	static async open(folder: string | undefined, onProblem: (note: string) => void): Promise<Artifacts> {
		if (folder !== undefined) await mkdir(folder, { recursive: true });
		return new Artifacts(folder, onProblem);
	}

	/** Use {@link open}. */
	constructor(folder: string | undefined, onProblem: (note: string) => void) {
		this.#folder = folder;
		this.#onProblem = onProblem;
	}

	/** Name to path of what is there so far. */
	get written(): Readonly<Record<string, string>> {
		return Object.fromEntries(this.#written);
	}

	/** The path for a file that somebody else writes, `undefined` when nothing is kept. */
	pathFor(name: ArtifactName): string | undefined {
		return this.#folder === undefined ? undefined : path.join(this.#folder, name);
	}

	/** Says that the file at {@link pathFor} has been written. */
	note(name: ArtifactName): void {
		const file = this.pathFor(name);
		if (file !== undefined) this.#written.set(name, file);
	}

	async writeJson(name: ArtifactName, value: unknown): Promise<void> {
		await this.writeText(name, `${JSON.stringify(value, bigintAsText, '\t')}\n`);
	}

	async writeText(name: ArtifactName, text: string): Promise<void> {
		const file = this.pathFor(name);
		if (file === undefined) return;
		try {
			await writeFile(file, text);
			this.#written.set(name, file);
		} catch (error) {
			this.#problem(name, error);
		}
	}

	/** A file that grows. Undefined when nothing is kept. This object owns it. */
	stream(name: ArtifactName): FileSink | undefined {
		const file = this.pathFor(name);
		if (file === undefined) return undefined;
		const stream = new FileSink(file, error => {
			this.#written.delete(name);
			this.#problem(name, error);
		});
		this.#streams.set(name, stream);
		this.#written.set(name, file);
		return stream;
	}

	/** Writes what a console receives, byte for byte, and beside it when it came. `undefined` when nothing is kept. */
	consoleRecorder(): ((bytes: Buffer, atMs: number) => void) | undefined {
		const log = this.stream('console.log');
		const timing = this.stream('console.timing');
		if (log === undefined || timing === undefined) return undefined;
		let lastMs = performance.now();
		return (bytes, atMs) => {
			log.write(bytes);
			timing.write(`${((atMs - lastMs) / 1000).toFixed(6)} ${bytes.length}\n`);
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
		this.#onProblem(`${name} could not be written: ${messageOf(error)}`);
	}
}

function bigintAsText(_key: string, value: unknown): unknown {
	return typeof value === 'bigint' ? String(value) : value;
}
