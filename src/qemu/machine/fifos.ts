import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, lchownSync, lstatSync, openSync, type Stats, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { HostError } from '../../host/errors.ts';

/** Two FIFOs and their identity when they were made. QEMU may own their folder, and could replace them with other files. */
export interface Fifos {
	readonly path: string;
	readonly made: readonly [input: Stats, output: Stats];
}

/**
 * Makes the two FIFOs of a QEMU chardev `pipe`: `PATH.in` and `PATH.out`. A FIFO is cheaper than a Unix socket for single
 * characters: the kernel collects them in pages, while a socket stores each one separately, at a cost for both ends. The
 * FIFOs belong to the owner of `folder`.
 *
 * Blocks until mkfifo(1) has ended: that takes a millisecond, an owned process would take three, and a guest's start waits
 * for it.
 * @throws HostError
 */
export function makeFifos(path: string, folder: string): Fifos {
	const files = [`${path}.in`, `${path}.out`] as const;
	const { status, stderr, error } = spawnSync('mkfifo', ['-m', '600', ...files], { timeout: 10_000, encoding: 'utf8' });
	if (status !== 0) {
		const message = `cannot make FIFOs in '${path}.*' on local: ${error?.message ?? stderr.trim()}`;
		throw new HostError(message, { host: 'local', failure: 'other', cause: error });
	}
	const { uid, gid } = statSync(folder);
	if (uid !== process.geteuid?.()) for (const file of files) lchownSync(file, uid, gid);
	return { path, made: [lstatSync(files[0]), lstatSync(files[1])] };
}

const bufferBytes = 64 * 1024;

/**
 * Opens the local end of a QEMU's chardev `pipe`. QEMU, on this machine, has already opened its end. The stream ends when
 * QEMU does. The caller owns it.
 * @throws the system's error, ENXIO when QEMU has exited
 */
export function openFifos({ path, made }: Fifos): Duplex {
	const toQemu = openFifo(`${path}.in`, constants.O_WRONLY, made[0]);
	try {
		return new FifoLine(openFifo(`${path}.out`, constants.O_RDONLY, made[1]), toQemu);
	} catch (error) {
		closeSync(toQemu);
		throw error;
	}
}

function openFifo(file: string, way: number, { dev, ino }: Stats): number {
	const descriptor = openSync(file, way | constants.O_NONBLOCK | constants.O_NOFOLLOW);
	const opened = fstatSync(descriptor);
	if (opened.isFIFO() && opened.dev === dev && opened.ino === ino) return descriptor;
	closeSync(descriptor);
	throw new HostError(`'${file}' on local is not the FIFO that was made`, { host: 'local', failure: 'other' });
}

class FifoLine extends Duplex {
	readonly #reader: Socket;
	readonly #writer: Socket;
	#isStopped = false;

	constructor(fromQemu: number, toQemu: number) {
		super();
		this.#writer = new Socket({ fd: toQemu, readable: false, writable: true });
		this.#reader = new Socket({
			fd: fromQemu,
			readable: true,
			writable: false,
			onread: {
				buffer: Buffer.allocUnsafe(bufferBytes),
				callback: (length, buffer) => {
					this.push(Buffer.from(buffer.subarray(0, length)));
					return !this.#isStopped;
				},
			},
		});
		this.#reader.on('end', () => this.push(null));
		// A read error counts as the end of the console. If QEMU no longer reads, its own end reports that.
		this.#reader.on('error', () => this.push(null));
		this.#writer.on('error', () => undefined);
		this.#reader.resume();
	}

	/** See `PausableReading` of the console. */
	stopReading(): void {
		this.#isStopped = true;
	}

	startReading(): void {
		this.#isStopped = false;
		this.#reader.resume();
	}

	override _read(): void {
		// The owner of a console always reads it: pausing the reads provides the flow control, not this buffer.
	}

	override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
		this.#writer.write(chunk, error => done(error));
	}

	override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
		this.#reader.destroy();
		this.#writer.destroy();
		done(error);
	}
}
