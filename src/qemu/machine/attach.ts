/** The part of a console that an attached terminal uses. */
export interface AttachableConsole {
	write(bytes: Uint8Array | string): Promise<void>;
	onBytes(listener: (bytes: Buffer) => void): Disposable;
	/** Resolves when the console has ended. */
	readonly closed: Promise<void>;
}

export interface AttachOptions {
	readonly console: AttachableConsole;
	/** If it is a terminal, it is in raw mode while attached, so that every key (even Ctrl-C) goes to the guest. */
	readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean; isRaw?: boolean; setRawMode?(mode: boolean): unknown };
	readonly stdout: NodeJS.WritableStream;
	/** Detaches. */
	readonly signal?: AbortSignal | undefined;
	/** Settles once the guest reads its console: what came earlier would be lost. Default: it reads already. */
	readonly reads?: Promise<unknown> | undefined;
}

const controlA = 0x01;

/** Text shown for Ctrl-A H. */
export const attachHelp = 'Ctrl-A X leaves; Ctrl-A A sends Ctrl-A; Ctrl-A H shows this';

/**
 * Connects a person's terminal to a guest's console until the person leaves (Ctrl-A X), the console ends, or the signal
 * aborts. Input that is not a terminal is sent unchanged, but not before `reads` resolves or rejects; after its end, output is
 * shown until the console ends. The terminal's mode is always restored.
 *
 * @returns what ended it
 */
export async function attachTerminal({
	console,
	stdin,
	stdout,
	signal,
	reads,
}: AttachOptions): Promise<'left' | 'ended' | 'aborted'> {
	if (signal?.aborted === true) return 'aborted';
	const terminal = stdin.isTTY === true && stdin.setRawMode !== undefined;
	const wasRaw = stdin.isRaw === true;
	const { promise, resolve } = Promise.withResolvers<'left' | 'ended' | 'aborted'>();
	const keys = new EscapeReader(terminal);
	const onData = (bytes: Buffer | string) => {
		const { send, left, help } = keys.read(Buffer.from(bytes));
		// `closed` reports the end of the console.
		if (send.length > 0) console.write(send).catch(ignore);
		if (help) stdout.write(`\r\n${attachHelp}\r\n`);
		if (left) resolve('left');
	};
	let isOver = false;
	const begin = () => {
		if (!isOver) stdin.on('data', onData);
	};
	const onAbort = () => resolve('aborted');
	using shown = console.onBytes(bytes => stdout.write(bytes));
	signal?.addEventListener('abort', onAbort, { once: true });
	stdout.on('error', onAbort);
	try {
		if (terminal) stdin.setRawMode?.(true);
		if (reads === undefined || terminal) stdin.on('data', onData);
		else reads.then(begin, begin);
		console.closed.then(() => resolve('ended'), ignore);
		return await promise;
	} finally {
		isOver = true;
		stdin.off('data', onData);
		// Reading stdin would keep the process alive.
		stdin.pause();
		if (terminal) stdin.setRawMode?.(wasRaw);
		stdout.off('error', onAbort);
		signal?.removeEventListener('abort', onAbort);
		shown[Symbol.dispose]();
	}
}

/** Filters the Ctrl-A sequences from typed input. They may be split across reads. */
class EscapeReader {
	readonly #enabled: boolean;
	#pending = false;

	constructor(enabled: boolean) {
		this.#enabled = enabled;
	}

	read(bytes: Buffer): { readonly send: Buffer; readonly left: boolean; readonly help: boolean } {
		if (!this.#enabled) return { send: bytes, left: false, help: false };
		const send: number[] = [];
		let help = false;
		for (const byte of bytes) {
			if (!this.#pending) {
				if (byte === controlA) this.#pending = true;
				else send.push(byte);
				continue;
			}
			this.#pending = false;
			const key = String.fromCharCode(byte).toLowerCase();
			if (key === 'x') return { send: Buffer.from(send), left: true, help };
			if (key === 'a' || byte === controlA) send.push(controlA);
			else if (key === 'h' || key === '?') help = true;
			else send.push(controlA, byte);
		}
		return { send: Buffer.from(send), left: false, help };
	}
}

function ignore(): void {
	// The end of the console is reported elsewhere.
}
