import { createHash, randomBytes } from 'node:crypto';
import { quoteCommand, quoteWord } from '../../lib/text/quote.ts';
import { DeadlineError, type WaitOptions } from '../../lib/waiting/deadline.ts';
import { eitherSignal } from '../../lib/waiting/either-signal.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import type { SerialConsole } from '../console.ts';
import { GuestError } from '../errors.ts';
import type { GuestFile, GuestResult, GuestRunOptions, GuestShell } from '../shell.ts';
import { type CheckTool, checkTools, type DumpTool, dumpCommands, octalEscape, pieces, readDump } from './encode.ts';

export interface PlainShellOptions extends WaitOptions {
	/** The prompt of the guest's shell. Default `/[#$] $/`. */
	readonly prompt?: RegExp | undefined;
	readonly login?: { readonly user: string; readonly password?: string } | undefined;
}

/** Short enough for a canonical tty (4096) and for a UART that loses characters under load. */
const lineLength = 400;
const attempts = 5;
const answerMs = 5000;

/**
 * A POSIX shell on the console, driven through its prompt. The prompt and all markers contain a random token that is never
 * sent in one piece, so no echo can match. Commands write to files in the guest. The files are then printed as text and
 * checked by size, and by checksum if the guest has `cksum`. A damaged copy is requested again.
 */
export class PlainShell implements GuestShell {
	readonly guarantees = 'plain';
	readonly console: SerialConsole;
	readonly #token = randomBytes(8).toString('hex');
	#folder = '';
	#tool: DumpTool = 'od';
	#check: CheckTool = 'wc';
	#sequence = 0;
	#queue: Promise<unknown> = Promise.resolve();

	/** How many times longer than usual an answer may take now. */
	get #pace(): number {
		return this.console.speedFactor * contention();
	}

	private constructor(console: SerialConsole) {
		this.console = console;
	}

	/**
	 * Takes over the shell on a console: logs in if requested, sets its own prompt, and finds the available tools.
	 * @throws GuestError kind `no-shell`, and as {@link GuestShell.run}
	 */
	static async open(console: SerialConsole, options: PlainShellOptions = {}): Promise<PlainShell> {
		const shell = new PlainShell(console);
		const { signal, timeoutMs = 60_000, prompt = /[#$] $/, login } = options;
		const deadline = AbortSignal.timeout(timeoutMs);
		using wait = eitherSignal(signal, deadline);
		try {
			if (login !== undefined) {
				await console.waitFor(/login: ?$/, wait);
				await console.write(`${login.user}\n`);
				if (login.password !== undefined) {
					await console.waitFor(/[Pp]assword: ?$/, wait);
					await console.write(`${login.password}\n`);
				}
			}
			await console.waitFor(prompt, wait);
			await shell.#takeOver(wait);
		} catch (error) {
			if (error !== deadline.reason) throw error;
			throw new GuestError('no-shell', `no shell on the guest's console after ${timeoutMs / 1000} s`, {
				evidence: console.lastLines(),
				cause: new DeadlineError('a shell prompt', timeoutMs),
			});
		}
		console.markBooted();
		return shell;
	}

	async run(command: readonly string[] | string, options: GuestRunOptions = {}): Promise<GuestResult> {
		return await this.#inTurn(options, async wait => await this.#run(command, options, wait));
	}

	async put(
		content: string | Uint8Array,
		guestPath: string,
		options: WaitOptions & { readonly mode?: number } = {},
	): Promise<GuestFile> {
		const bytes = Buffer.from(content);
		return await this.#inTurn(options, async wait => {
			const temporary = `${guestPath}.${this.#token}`;
			await this.#write(bytes, temporary, wait);
			const mode = options.mode === undefined ? '' : `chmod ${options.mode.toString(8)} ${quoteWord(temporary)} && `;
			const { status } = await this.#ask(`${mode}mv ${quoteWord(temporary)} ${quoteWord(guestPath)}`, wait);
			if (status !== 0) throw this.#fileError('put', guestPath);
			return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
		});
	}

	async get(guestPath: string, options: WaitOptions & { readonly maxBytes?: number } = {}): Promise<Buffer> {
		return await this.#inTurn(options, async wait => {
			const { status } = await this.#ask(`test -f ${quoteWord(guestPath)} && test -r ${quoteWord(guestPath)}`, wait);
			if (status !== 0) throw this.#fileError('read', guestPath);
			return await this.#read(quoteWord(guestPath), wait);
		});
	}

	/** Removes its files from the guest if the guest still answers. The caller keeps the console. */
	async [Symbol.asyncDispose](): Promise<void> {
		if (this.console.isClosed || this.console.fatal !== undefined || this.#folder === '') return;
		await this.#ask(`rm -rf ${this.#folder}`, { timeoutMs: 2000 }).catch(() => undefined);
	}

	async #takeOver(wait: WaitOptions): Promise<void> {
		const half = this.#token.length / 2;
		const [first, second] = [this.#token.slice(0, half), this.#token.slice(half)];
		await this.#line(`unset PROMPT_COMMAND; PS2=; VPMU_T=${first}''${second}; PS1="\${VPMU_T}# "`, wait);
		const folders = '/tmp /run /dev/shm /var/tmp /dev .';
		await this.#line(
			`VPMU_D=; for d in ${folders}; do mkdir $d/vpmu-$VPMU_T && VPMU_D=$d/vpmu-$VPMU_T && break; done`,
			wait,
		);
		// A tool that is found need not work: busybox may link to applets that it was built without.
		const found = await this.#answer(
			'echo "$VPMU_D"; for t in base64 od hexdump sha256sum cksum; do echo x | $t >/dev/null 2>&1 && echo has-$t; done',
			wait,
		);
		const [folder = ''] = found.trim().split('\n');
		const tool = (['base64', 'od', 'hexdump'] as const).find(name => found.includes(`has-${name}`));
		if (!folder.includes(this.#token) || tool === undefined)
			throw new GuestError('no-shell', 'a plain shell needs a writable folder and base64, od or hexdump in the guest', {
				evidence: this.console.lastLines(),
			});
		this.#folder = folder;
		this.#tool = tool;
		this.#check = (['sha256sum', 'cksum'] as const).find(name => found.includes(`has-${name}`)) ?? 'wc';
	}

	async #run(command: readonly string[] | string, options: GuestRunOptions, wait: WaitOptions): Promise<GuestResult> {
		const words = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
		const input = options.stdin === undefined ? '/dev/null' : `${this.#folder}/in`;
		if (options.stdin !== undefined) await this.#write(await wholeInput(options.stdin), input, wait);
		const exports = Object.entries(options.env ?? {}).map(([name, value]) => `export ${name}=${quoteWord(value)}; `);
		const folder = options.cwd === undefined ? '' : `cd ${quoteWord(options.cwd)} || exit 126; `;
		const { status } = await this.#ask(
			`(${folder}${exports.join('')}exec ${quoteCommand(words)}) <${input} >${this.#folder}/out 2>${this.#folder}/err`,
			wait,
		);
		const stdout = await this.#read(`${this.#folder}/out`, wait);
		const stderr = await this.#read(`${this.#folder}/err`, wait);
		if (stdout.length > 0) options.onOutput?.('stdout', stdout);
		if (stderr.length > 0) options.onOutput?.('stderr', stderr);
		return { status, signal: null, stdout, stderr };
	}

	/** Sends a line and waits for the prompt after it. */
	async #line(text: string, wait: WaitOptions): Promise<string> {
		const from = this.console.position;
		await this.console.write(`${text}\n`);
		const { before } = await this.console.waitFor(`${this.#token}# `, { ...wait, from });
		return before;
	}

	/** Runs code in the guest's shell and returns its status. Asks again if the answer is damaged or late. */
	async #ask(code: string, wait: WaitOptions): Promise<{ status: number; text: string }> {
		const sequence = ++this.#sequence;
		const whole = `${code}\nVPMU_S=$?`;
		const encoded = octalEscape(Buffer.from(whole));
		for (let attempt = 0; ; attempt++) {
			await this.#line('VPMU_C=', wait);
			for (const piece of pieces(encoded, lineLength)) await this.#line(`VPMU_C=$VPMU_C'${piece}'`, wait);
			const from = this.console.position;
			const report = `printf '%s:%s:%s.\\n' $VPMU_T ${sequence} "$VPMU_S"`;
			await this.console.write(
				`if [ \${#VPMU_C} -eq ${encoded.length} ]; then eval "$(printf %b "$VPMU_C")"; else VPMU_S=again; fi; ${report}\n`,
			);
			const pattern = new RegExp(`${this.#token}:${sequence}:(\\d+|again)\\.`);
			for (let patienceMs = answerMs * this.#pace; ; patienceMs *= 2) {
				try {
					const { match, before } = await this.console.waitFor(pattern, {
						signal: wait.signal,
						timeoutMs: patienceMs,
						from,
					});
					if (match[1] !== 'again') return { status: Number(match[1]), text: before };
					break;
				} catch (error) {
					if (!(error instanceof DeadlineError) || wait.signal?.aborted) throw error;
					// The command may still run, or a kernel message may have cut the answer. Send a query, which is read
					// when it is done.
					await this.console.write(`${report}\n`);
				}
			}
			if (attempt === attempts)
				throw new GuestError('protocol', 'the console repeatedly lost characters of a command', {
					evidence: this.console.lastLines(),
				});
		}
	}

	async #answer(code: string, wait: WaitOptions): Promise<string> {
		const { text } = await this.#ask(`echo; echo "<$VPMU_T"; ${code}; echo "$VPMU_T>"`, wait);
		const begin = text.lastIndexOf(`<${this.#token}`);
		const end = text.lastIndexOf(`${this.#token}>`);
		return begin === -1 || end < begin ? '' : text.slice(begin + this.#token.length + 2, end);
	}

	async #write(bytes: Buffer, path: string, wait: WaitOptions): Promise<void> {
		const quoted = quoteWord(path);
		for (let attempt = 0; attempt < attempts; attempt++) {
			await this.#ask(`: >${quoted}`, wait);
			for (let at = 0; at < bytes.length; at += 1000)
				await this.#ask(`printf %b '${octalEscape(bytes.subarray(at, at + 1000))}' >>${quoted}`, wait);
			if (await this.#isSame(quoted, bytes, wait)) return;
		}
		throw this.#fileError('write', path);
	}

	async #read(quotedPath: string, wait: WaitOptions): Promise<Buffer> {
		for (let attempt = 0; attempt < attempts; attempt++) {
			const bytes = readDump(this.#tool, await this.#answer(`${dumpCommands[this.#tool]} <${quotedPath}`, wait));
			if (await this.#isSame(quotedPath, bytes, wait)) return bytes;
		}
		throw this.#fileError('read', quotedPath);
	}

	/** Checks that the file in the guest equals `bytes`: by checksum if the guest has one, else by size. */
	async #isSame(quotedPath: string, bytes: Buffer, wait: WaitOptions): Promise<boolean> {
		const { command, expected } = checkTools[this.#check];
		const answer = await this.#answer(`echo "=$(${command} <${quotedPath})"`, wait);
		return answer.includes(`=${expected(bytes)}`) || answer.replace(/= +/, '=').includes(`=${expected(bytes)}`);
	}

	#fileError(verb: string, path: string): GuestError {
		return new GuestError('file', `could not ${verb} ${path} in the guest`, { evidence: this.console.lastLines() });
	}

	/** Runs one command at a time, since there is one prompt. The deadline or an abort interrupts the command (Ctrl-C). */
	async #inTurn<T>(options: WaitOptions, work: (wait: WaitOptions) => Promise<T>): Promise<T> {
		const previous = this.#queue;
		const { promise: done, resolve: release } = Promise.withResolvers<void>();
		this.#queue = done;
		const { signal, timeoutMs } = options;
		const deadline = new AbortController();
		const timer =
			timeoutMs === undefined
				? undefined
				: setTimeout(() => deadline.abort(new DeadlineError('a command in the guest', timeoutMs)), timeoutMs);
		try {
			await previous;
			using either = eitherSignal(signal, deadline.signal);
			const both = either.signal;
			both.throwIfAborted();
			try {
				return await work({ signal: both });
			} catch (error) {
				if (both.aborted) await this.#interrupt();
				throw error;
			}
		} finally {
			clearTimeout(timer);
			release();
		}
	}

	async #interrupt(): Promise<void> {
		for (const key of ['\x03', '\x1c']) {
			const from = this.console.position;
			const prompt = this.console.waitFor(`${this.#token}# `, { from, timeoutMs: 2000 * this.#pace });
			await this.console.write(`${key}\n`).catch(() => undefined);
			if (await prompt.catch(() => undefined)) return;
		}
	}
}

async function wholeInput(stdin: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
	if (typeof stdin === 'string' || stdin instanceof Uint8Array) return Buffer.from(stdin);
	return Buffer.concat(await Array.fromAsync(stdin));
}
