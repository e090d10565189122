import type { Host } from '../../host/host.ts';
import type { Blame } from '../../lib/errors.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';
import type { QemuFailure } from '../errors.ts';
import { loaderComplaint } from './loader.ts';

export interface Diagnosis {
	readonly failure: Extract<QemuFailure, 'missing' | 'not-executable' | 'wrong-architecture' | 'missing-library'>;
	/** `user` if the named file cannot run; `host` if the host lacks something that the file needs. */
	readonly blame: Extract<Blame, 'user' | 'host'>;
	/** A sentence with the file and its problem. */
	readonly text: string;
}

/** The facts in a program file's first bytes that decide whether it can run. */
export interface ProgramHeader {
	readonly kind: 'elf' | 'script' | 'other';
	/** `uname -m` of the machines that can run the ELF file, or `ELF machine 12`. */
	readonly machine?: string;
	/** The loader of an ELF file, or the interpreter of a script. */
	readonly interpreter?: string;
	/** Position of the loader's name in the file, if it is beyond the bytes that were read. */
	readonly interpreterAt?: { readonly offset: number; readonly size: number };
}

/** Maps `e_machine` (System V ABI, and its processor supplements), class and byte order to `uname -m`. */
function machineName(number: number, is64: boolean, littleEndian: boolean): string {
	switch (number) {
		case 3:
			return 'i686';
		case 8:
			return `mips${is64 ? '64' : ''}`;
		case 20:
			return 'ppc';
		case 21:
			return littleEndian ? 'ppc64le' : 'ppc64';
		case 22:
			return is64 ? 's390x' : 's390';
		case 40:
			return littleEndian ? 'armv7l' : 'armv7b';
		case 62:
			return is64 ? 'x86_64' : 'x86_64 (x32)';
		case 183:
			return `${littleEndian ? 'aarch64' : 'aarch64_be'}${is64 ? '' : ' (ILP32)'}`;
		case 243:
			return is64 ? 'riscv64' : 'riscv32';
		case 258:
			return is64 ? 'loongarch64' : 'loongarch32';
		default:
			return `ELF machine ${number}`;
	}
}

/** Parses the first bytes of a program file: ELF class, machine and PT_INTERP, or a script's `#!` line. */
export function readProgramHeader(bytes: Buffer): ProgramHeader {
	if (bytes.subarray(0, 2).toString('latin1') === '#!') {
		const line = bytes.subarray(2, 256).toString('latin1').split('\n', 1)[0]!;
		// For the kernel, a carriage return is part of the name.
		return { kind: 'script', interpreter: line.replace(/^[ \t]+/, '').split(/[ \t]/, 1)[0]! };
	}
	if (bytes.length < 64 || bytes.subarray(0, 4).toString('latin1') !== '\x7fELF') return { kind: 'other' };
	const is64 = bytes[4] === 2;
	const littleEndian = bytes[5] === 1;
	const u16 = (at: number) => (littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
	const u32 = (at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
	const word = (at: number) =>
		Number(is64 ? (littleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)) : u32(at));
	const found: ProgramHeader = { kind: 'elf', machine: machineName(u16(18), is64, littleEndian) };
	const [tableAt, entrySize, entries] = is64 ? [word(32), u16(54), u16(56)] : [word(28), u16(42), u16(44)];
	const PT_INTERP = 3;
	const leastEntry = is64 ? 56 : 32;
	if (entrySize < leastEntry) return found;
	for (let at = tableAt, i = 0; i < entries && at + entrySize <= bytes.length; at += entrySize, i++) {
		if (u32(at) !== PT_INTERP) continue;
		const [offset, size] = is64 ? [word(at + 8), word(at + 32)] : [word(at + 4), word(at + 16)];
		if (offset + size > bytes.length) return { ...found, interpreterAt: { offset, size } };
		return { ...found, interpreter: nameIn(bytes.subarray(offset, offset + size)) };
	}
	return found;
}

function nameIn(bytes: Buffer): string {
	return bytes.toString('latin1').replace(/\0.*$/s, '');
}

/** Prints `uname -m`, the file's path, its type, and its first bytes. */
const look = `
path=$(command -v "$1" 2>/dev/null) || path=$1
uname -m
printf '%s\\n' "$path"
if [ ! -e "$path" ]; then echo missing
elif [ -d "$path" ]; then echo folder
elif [ ! -x "$path" ]; then echo not-executable
else echo file; head -c 4096 -- "$path"
fi`;

/** Prints part of a file: `$2` is the first byte, counted from 1, and `$3` the length. */
const part = 'tail -c "+$2" -- "$1" | head -c "$3"';

/** Tests whether a file that a loader reported as missing exists. */
const exists = '[ -e "$1" ]';

/**
 * Finds out why a command could not be run on a host, from the program file and the messages of loaders and shells.
 * `undefined` if the host can run the file and there are no such messages. If the first word is a loader (`ld-linux-…`),
 * examines the program that it loads.
 *
 * @param isOver the exit status (126, 127) shows that nothing ran
 * @throws HostError when the host cannot be asked; DeadlineError; the signal's reason
 */
export async function diagnoseCommand(
	host: Host,
	command: readonly string[],
	{ stderr, isOver }: { readonly stderr: readonly string[]; readonly isOver: boolean },
	options: WaitOptions = {},
): Promise<Diagnosis | undefined> {
	const programs = programsOf(command);
	for (const program of programs) {
		const found = await diagnoseProgram(host, program, options);
		if (found !== undefined) return found;
	}
	const words = loaderComplaint(stderr, isOver) ?? (isOver ? stderr.at(-1) : undefined);
	if (words === undefined) return undefined;
	const program = programs.at(-1)!;
	const isDenied = isOver && /: Permission denied$/.test(words);
	const library = /: error while loading shared libraries: ([^:]+): (.*)/.exec(words);
	const text =
		library === null || command.includes(library[1]!)
			? `${program} cannot be run on ${host.name}: ${words}${isDenied ? othersHint : ''}`
			: `${program} needs the shared library ${library[1]}: ${library[2]}`;
	return { failure: 'missing-library', blame: 'host', text };
}

/** A wrapper names files that are not in the command, so that no way to them is opened. */
const othersHint = ' (if vpmu is root, QEMU is not: other users must be able to read what a wrapper names)';

/** Lists the programs of a command that start one another: a wrapper, a loader, and the program that they start. */
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
			return { failure: 'missing', blame: 'user', text: `there is no program '${program}' ${on}` };
		case 'folder':
			return { failure: 'not-executable', blame: 'user', text: `'${path}' ${on} is a folder, not a program` };
		case 'not-executable':
			return {
				failure: 'not-executable',
				blame: 'user',
				text: `'${path}' ${on} may not be executed (no x permission)`,
			};
		case 'file':
			break;
		default:
			return undefined;
	}
	const header = readProgramHeader(bytes);
	if (header.kind === 'other') {
		return { failure: 'not-executable', blame: 'user', text: `'${path}' ${on} is neither an ELF program nor a script` };
	}
	if (header.machine !== undefined && !canRun(machine, header.machine)) {
		return {
			failure: 'wrong-architecture',
			blame: 'user',
			text: `'${path}' is a program for ${header.machine}, but ${host.name} is ${machine}`,
		};
	}
	const { interpreter = await interpreterOf(host, path, header, options) } = header;
	if (interpreter === undefined) return undefined;
	if (interpreter.endsWith('\r')) {
		const text = `'${path}' ${on} is a script with carriage returns at the ends of its lines`;
		return { failure: 'not-executable', blame: 'user', text };
	}
	const { status } = await host.run(['sh', '-c', exists, 'sh', interpreter], options);
	if (status === 0) return undefined;
	return { failure: 'missing-library', blame: 'host', text: `'${path}' needs ${interpreter}, which is not ${on}` };
}

async function interpreterOf(host: Host, path: string, { interpreterAt: at }: ProgramHeader, options: WaitOptions) {
	if (at === undefined || at.size > 4096) return undefined;
	const argv = ['sh', '-c', part, 'sh', path, String(at.offset + 1), String(at.size)];
	return nameIn((await host.run(argv, options)).stdout);
}

function canRun(host: string, program: string): boolean {
	const also: Readonly<Record<string, readonly string[]>> = { x86_64: ['i686', 'x86_64 (x32)'], aarch64: ['armv7l'] };
	return host === program || (also[host]?.includes(program) ?? false);
}
