import type { Host } from '../../host/host.ts';
import type { WaitOptions } from '../../lib/deadline.ts';
import type { QemuFailure } from '../errors.ts';

export interface Diagnosis {
	readonly failure: Extract<QemuFailure, 'missing' | 'not-executable' | 'wrong-architecture' | 'missing-library'>;
	/** A sentence that names the file and what is wrong with it. */
	readonly text: string;
}

/** What decides whether a program file can run, from its first bytes. */
export interface ProgramHeader {
	readonly kind: 'elf' | 'script' | 'other';
	/** `uname -m` of the machines it is for; of an ELF file that is known here. */
	readonly machine?: string;
	/** The loader of an ELF file, the interpreter of a script. */
	readonly interpreter?: string;
}

/** `e_machine` (System V ABI, and its processor supplements) to `uname -m`. */
const machines: Readonly<Record<number, string>> = {
	3: 'i686',
	21: 'ppc64le',
	22: 's390x',
	40: 'armv7l',
	62: 'x86_64',
	183: 'aarch64',
	243: 'riscv64',
	258: 'loongarch64',
};

/** Reads the first bytes of a program file: ELF class, machine and PT_INTERP, or a script's `#!` line. */
export function readProgramHeader(bytes: Buffer): ProgramHeader {
	if (bytes.subarray(0, 2).toString('latin1') === '#!') {
		const line = bytes.subarray(2, 256).toString('latin1').split('\n', 1)[0]!.trim();
		return { kind: 'script', interpreter: line.split(/\s/, 1)[0]! };
	}
	if (bytes.length < 64 || bytes.subarray(0, 4).toString('latin1') !== '\x7fELF') return { kind: 'other' };
	const is64 = bytes[4] === 2;
	const littleEndian = bytes[5] === 1;
	const u16 = (at: number) => (littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
	const u32 = (at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
	const word = (at: number) =>
		Number(is64 ? (littleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)) : u32(at));
	const machine = machines[u16(18)];
	const found: ProgramHeader = { kind: 'elf', ...(machine === undefined ? {} : { machine }) };
	const [tableAt, entrySize, entries] = is64 ? [word(32), u16(54), u16(56)] : [word(28), u16(42), u16(44)];
	const PT_INTERP = 3;
	for (let at = tableAt, i = 0; i < entries && at + entrySize <= bytes.length; at += entrySize, i++) {
		if (u32(at) !== PT_INTERP) continue;
		const [offset, size] = is64 ? [word(at + 8), word(at + 32)] : [word(at + 4), word(at + 16)];
		if (offset + size > bytes.length) break;
		return {
			...found,
			interpreter: bytes
				.subarray(offset, offset + size)
				.toString('latin1')
				.replace(/\0.*$/s, ''),
		};
	}
	return found;
}

/** Prints `uname -m`, the file's path, what it is, and its first bytes. */
const look = `
path=$(command -v "$1" 2>/dev/null) || path=$1
uname -m
printf '%s\\n' "$path"
if [ ! -e "$path" ]; then echo missing
elif [ -d "$path" ]; then echo folder
elif [ ! -x "$path" ]; then echo not-executable
else echo file; head -c 4096 -- "$path"
fi`;

/** Whether what a missing loader is asked for is there; the exit status says so. */
const exists = '[ -e "$1" ]';

/**
 * Why a command could not be run on a host, found by looking at the program file; `undefined` when the file is one that
 * the host can run. A loader as the first word (`ld-linux-…`) is looked through to the program that it loads.
 *
 * @throws HostError when the host cannot be asked; DeadlineError; the signal's reason
 */
export async function diagnoseCommand(
	host: Host,
	command: readonly string[],
	stderr: readonly string[],
	options: WaitOptions = {},
): Promise<Diagnosis | undefined> {
	const library: RegExpExecArray | null | undefined = stderr
		.map(line => /error while loading shared libraries: ([^:]+): (.*)/.exec(line))
		.find(match => match !== null && !command.includes(match[1]!));
	for (const program of programsOf(command)) {
		const found = await diagnoseProgram(host, program, options);
		if (found !== undefined) return found;
	}
	if (library == null) return undefined;
	return {
		failure: 'missing-library',
		text: `${programsOf(command).at(-1)} needs the shared library ${library[1]}: ${library[2]}`,
	};
}

/** The programs that a command runs one in another: a wrapper, a loader, and what they start. */
function programsOf(command: readonly string[]): readonly string[] {
	const [first = '', ...rest] = command;
	// `taskset -c LIST PROGRAM` starts a QEMU on chosen CPUs.
	if (/(^|\/)taskset$/.test(first) && rest[0] === '-c') return [first, ...programsOf(rest.slice(2))];
	if (!/(^|\/)ld[-.][^/]*$/.test(first)) return [first];
	const program = rest.find((word, index) => word.startsWith('/') && !rest[index - 1]?.startsWith('--'));
	return program === undefined ? [first] : [first, program];
}

async function diagnoseProgram(host: Host, program: string, options: WaitOptions): Promise<Diagnosis | undefined> {
	const { stdout } = await host.run(['sh', '-c', look, 'sh', program], options);
	const [machine = '', path = '', what = ''] = stdout.toString('latin1').split('\n', 3);
	const bytes = stdout.subarray(machine.length + path.length + what.length + 3);
	const on = `on ${host.name}`;
	switch (what) {
		case 'missing':
			return { failure: 'missing', text: `there is no program '${program}' ${on}` };
		case 'folder':
			return { failure: 'not-executable', text: `'${path}' ${on} is a folder, not a program` };
		case 'not-executable':
			return { failure: 'not-executable', text: `'${path}' ${on} may not be executed (no x permission)` };
		case 'file':
			break;
		default:
			return undefined;
	}
	const header = readProgramHeader(bytes);
	if (header.kind === 'other') {
		return { failure: 'not-executable', text: `'${path}' ${on} is neither an ELF program nor a script` };
	}
	if (header.machine !== undefined && !canRun(machine, header.machine)) {
		return {
			failure: 'wrong-architecture',
			text: `'${path}' is a program for ${header.machine}, but ${host.name} is ${machine}`,
		};
	}
	if (header.interpreter === undefined) return undefined;
	const { status } = await host.run(['sh', '-c', exists, 'sh', header.interpreter], options);
	if (status === 0) return undefined;
	return { failure: 'missing-library', text: `'${path}' needs ${header.interpreter}, which is not ${on}` };
}

function canRun(host: string, program: string): boolean {
	const also: Readonly<Record<string, readonly string[]>> = { x86_64: ['i686'], aarch64: ['armv7l'] };
	return host === program || (also[host]?.includes(program) ?? false);
}
