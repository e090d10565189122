import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { poll } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import type { GuestShell } from '../shell.ts';

/**
 * Gives a real kernel a real fault: QEMU's gdbstub overwrites a rarely used system call with faulty instructions, and any
 * program that calls it makes the kernel run them. `workload syscalls 1` calls `getppid`.
 */
export type KernelFault =
	/** Reads from address 0. */
	| 'null-pointer'
	/** One of the kernel's own `BUG()` or `WARN()` instructions, with its entry in `__bug_table`. */
	| 'bug'
	| 'warning'
	/** Loops forever, interrupts on. */
	| 'endless-loop'
	/** Loops forever, interrupts off. */
	| 'dead-loop';

export const provoke = ['/vpmu/workload', 'syscalls', '1'];

/** QEMU arguments for the stub. */
export const gdbArguments = (socketPath: string) => ['-gdb', `unix:path=${socketPath},server=on,wait=off`];

/** Plants faults in a guest's kernel. Any shell calls `getppid` when it starts, so a fault is removed before the next one. */
export class FaultyKernel {
	readonly #symbols: ReadonlyMap<string, bigint>;
	readonly #socketPath: string;
	#whole: Buffer | undefined;

	private constructor(symbols: ReadonlyMap<string, bigint>, socketPath: string) {
		this.#symbols = symbols;
		this.#socketPath = socketPath;
	}

	/** @param socketPath where the stub of {@link gdbArguments} listens */
	static async open(shell: GuestShell, socketPath: string): Promise<FaultyKernel> {
		const names = ['__arm64_sys_getppid', '__start___bug_table', '__stop___bug_table', '_etext'];
		const { stdout } = await shell.run(['grep', '-E', ` (${names.join('|')})$`, '/proc/kallsyms'], {
			timeoutMs: 60_000,
		});
		const lines = stdout.toString().matchAll(/^([0-9a-f]{16}) \w (\S+)$/gm);
		return new FaultyKernel(new Map([...lines].map(match => [match[2]!, BigInt(`0x${match[1]}`)])), socketPath);
	}

	/** Replaces `getppid` with this fault. */
	async plant(fault: KernelFault): Promise<void> {
		const at = this.#address('__arm64_sys_getppid');
		await inKernel(this.#socketPath, async stub => {
			this.#whole ??= await stub.read(at, 8);
			await stub.write(at, await this.#wordsOf(fault, at, stub));
		});
	}

	/** Restores `getppid`. */
	async mend(): Promise<void> {
		if (this.#whole === undefined) return;
		const words = [this.#whole.readUInt32LE(0), this.#whole.readUInt32LE(4)];
		await inKernel(this.#socketPath, stub => stub.write(this.#address('__arm64_sys_getppid'), words));
	}

	async #wordsOf(fault: KernelFault, at: bigint, stub: GdbStub): Promise<number[]> {
		if (fault === 'null-pointer') return [0xd2800000 /* mov x0, #0 */, 0xf9400000 /* ldr x0, [x0] */];
		if (fault === 'endless-loop') return [0x14000000 /* b . */];
		if (fault === 'dead-loop') return [0xd50342df /* msr daifset, #2 */, 0x14000000];
		const table = { start: this.#address('__start___bug_table'), end: this.#address('__stop___bug_table') };
		const target = await bugOf(stub, table, this.#address('_etext'), fault === 'warning');
		// After a warning the kernel continues behind it, in a function that was not called. Return from there.
		if (fault === 'warning') await stub.write(target + 4n, [0xd65f03c0 /* ret */]);
		return [Number(0x14000000n | BigInt.asUintN(26, (target - at) >> 2n)) /* b TARGET */];
	}

	#address(name: string): bigint {
		const found = this.#symbols.get(name);
		if (found === undefined || found === 0n) throw new Error(`the guest's /proc/kallsyms has no ${name}`);
		return found;
	}
}

/**
 * Finds the kernel's first bug entry that is a WARN, or is not (struct bug_entry of include/asm-generic/bug.h, relative
 * pointers). Entries beyond the text section are boot code and have been freed.
 */
async function bugOf(
	stub: GdbStub,
	table: { readonly start: bigint; readonly end: bigint },
	textEnd: bigint,
	isWarning: boolean,
): Promise<bigint> {
	const entryBytes = 12;
	for (let at = table.start; at < table.end; at += BigInt(entryBytes)) {
		const entry = await stub.read(at, entryBytes);
		const place = BigInt.asUintN(64, at + BigInt(entry.readInt32LE(0)));
		if ((entry.readUInt16LE(10) & 1) === (isWarning ? 1 : 0) && place < textEnd) return place;
	}
	throw new Error('the kernel has no such entry in its table of bugs');
}

/** The stub cannot reach an address. */
class NotMapped extends Error {}

/**
 * Changes the memory of a guest's kernel. A CPU that is stopped in user space has none of it mapped (FEAT_E0PD, or page table
 * isolation): then the guest goes on for a moment, and all is done again.
 */
async function inKernel(socketPath: string, work: (stub: GdbStub) => Promise<void>): Promise<void> {
	const attempt = async () => {
		try {
			await using stub = await GdbStub.open(socketPath);
			await work(stub);
			return true;
		} catch (error) {
			if (error instanceof NotMapped) return undefined;
			throw error;
		}
	};
	await poll('a CPU of the guest in its kernel', attempt, { timeoutMs: 120_000 * contention() });
}

/**
 * The part of GDB's remote protocol that is needed ("Remote Protocol" in GDB's manual). The guest is stopped while it is open.
 */
class GdbStub implements AsyncDisposable {
	readonly #socket: Socket;
	#text = '';

	private constructor(socket: Socket) {
		this.#socket = socket;
		socket.setEncoding('latin1');
		socket.on('data', text => {
			this.#text += text;
		});
	}

	static async open(socketPath: string): Promise<GdbStub> {
		const socket = connect(socketPath);
		await once(socket, 'connect', { signal: AbortSignal.timeout(10_000) });
		return new GdbStub(socket);
	}

	async read(address: bigint, bytes: number): Promise<Buffer> {
		return Buffer.from(await this.#ask(`m${address.toString(16)},${bytes.toString(16)}`), 'hex');
	}

	async write(address: bigint, words: readonly number[]): Promise<void> {
		const bytes = Buffer.alloc(4 * words.length);
		for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, 4 * index);
		const answer = await this.#ask(`M${address.toString(16)},${bytes.length.toString(16)}:${bytes.toString('hex')}`);
		if (answer !== 'OK') throw new Error(`the stub did not write at ${address.toString(16)}: ${answer}`);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#ask('D');
		this.#socket.destroy();
	}

	async #ask(packet: string): Promise<string> {
		const sum = [...Buffer.from(packet)].reduce((all, byte) => (all + byte) & 0xff, 0);
		this.#text = '';
		this.#socket.write(`$${packet}#${sum.toString(16).padStart(2, '0')}`);
		for (;;) {
			const answer = /\$([^#]*)#[0-9a-f]{2}/.exec(this.#text);
			if (answer !== null) {
				this.#socket.write('+');
				// GDB's numbers of errors: 14 is EFAULT.
				const Kind = answer[1] === 'E14' ? NotMapped : Error;
				if (/^E\d\d$/.test(answer[1]!)) throw new Kind(`the stub answered ${answer[1]} to ${packet}`);
				return answer[1]!;
			}
			await once(this.#socket, 'data', { signal: AbortSignal.timeout(10_000) });
		}
	}
}
