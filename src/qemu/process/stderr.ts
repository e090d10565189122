import { shorten } from '../../lib/foreign.ts';

const keptBytes = 64 * 1024;

/** What QEMU says when it waits for the peer of a socket (chardev/char-socket.c). Nobody's fault, so no evidence. */
const announcement = ': info: QEMU waiting for connection on: ';

/** What is on stderr of a QEMU that is well, and why. */
const known: readonly RegExp[] = [
	// Our own ladder at the end.
	/: terminating on signal \d+( from pid \d+.*)?$/,
	// How we ask for QMP, since 11.1.
	/ warning: '-mon' is deprecated, use /,
	// Wrappers: a library that is preloaded into programs of another architecture, too.
	/^ERROR: ld\.so: object .* from LD_PRELOAD cannot be preloaded .*: ignored\.$/,
];

/** The end of what a QEMU writes to stderr, and whether it has announced its sockets there. */
export class StderrTail {
	/** Resolves when QEMU has said that it waits for a peer of one of its sockets; may never. */
	readonly announced: Promise<void>;
	#announce: (() => void) | undefined;
	#bytes: Buffer = Buffer.alloc(0);

	constructor() {
		const { promise, resolve } = Promise.withResolvers<void>();
		this.announced = promise;
		this.#announce = resolve;
	}

	get isAnnounced(): boolean {
		return this.#announce === undefined;
	}

	push(bytes: Buffer): void {
		const before = this.#bytes.subarray(Math.max(0, this.#bytes.length + bytes.length - keptBytes));
		this.#bytes = Buffer.concat([before, bytes.subarray(Math.max(0, bytes.length - keptBytes))]);
		if (this.#announce === undefined) return;
		const at = this.#bytes.indexOf(announcement);
		if (at === -1 || this.#bytes.indexOf(10, at) === -1) return;
		this.#announce();
		this.#announce = undefined;
	}

	/** The last lines, oldest first; of a long one, the beginning. */
	lines(count: number): readonly string[] {
		const lines = this.#bytes.toString('utf8').split(/\r?\n/);
		return lines
			.filter(line => line !== '' && !line.includes(announcement))
			.slice(-count)
			.map(line => shorten(line));
	}

	/** The last lines that nothing explains, oldest first; at most `count`. */
	unexplained(count: number): readonly string[] {
		return this.lines(1000)
			.filter(line => !known.some(pattern => pattern.test(line)))
			.slice(-count);
	}
}
