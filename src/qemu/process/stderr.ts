import { shorten } from '../../lib/text/foreign.ts';

const keptBytes = 64 * 1024;

/** What is shown if there is a report of a sanitizer. */
const reportLines = 200;

/** QEMU's message when it waits for the peer of a socket (chardev/char-socket.c). Harmless, so not evidence. */
const announcement = ': info: QEMU waiting for connection on: ';

/** Lines on the stderr of a healthy QEMU, with the reason. */
const known: readonly RegExp[] = [
	// Our own signal at shutdown.
	/: terminating on signal \d+( from pid \d+.*)?$/,
	// Our QMP options cause this since 11.1.
	/ warning: '-mon' is deprecated, use /,
	// Also from wrappers: a library that is preloaded into programs of another architecture.
	/^ERROR: ld\.so: object .* from LD_PRELOAD cannot be preloaded .*: ignored\.$/,
	// AddressSanitizer, of QEMU's coroutines and their stacks (sanitizers issue 189).
	/^==\d+==WARNING: ASan (doesn't fully support makecontext|is ignoring requested __asan_handle_no_return)/,
	/^False positive error reports may follow$/,
	/^For details see https:\/\/github\.com\/google\/sanitizers\/issues\/189$/,
];

/** The end of a QEMU's stderr, and whether QEMU has announced its sockets there. */
export class StderrTail {
	/** Resolves when QEMU reports that it waits for a peer on one of its sockets; may never resolve. */
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

	/** Returns the last lines, oldest first. A long line is truncated. */
	lines(count: number): readonly string[] {
		const lines = this.#bytes.toString('utf8').split(/\r?\n/);
		return lines
			.filter(line => line !== '' && !line.includes(announcement))
			.slice(-count)
			.map(line => shorten(line));
	}

	/** Returns the last unexplained lines, oldest first; at most `count`, or more if a sanitizer reports there, with stacks. */
	unexplained(count: number): readonly string[] {
		const lines = this.lines(1000).filter(line => !known.some(pattern => pattern.test(line)));
		const isReport = lines.some(line => /^(==\d+==(ERROR|WARNING)|SUMMARY): \w+Sanitizer: /.test(line));
		return lines.slice(isReport ? -reportLines : -count);
	}
}
