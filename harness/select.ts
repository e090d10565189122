import { accessSync, closeSync, constants, openSync, readdirSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '../src/index.ts';
import { unknownName } from './cli/command.ts';
import type { Selection } from './plan.ts';

/** QEMUs under test unless the user names others: Debian's stable one and the newest. */
export const defaultQemus = ['debian:trixie', 'debian:trixie-backports'] as const;

/** Suites whose packages can be asked for as `debian:SUITE`. */
export const debianSuites = ['bookworm', 'bookworm-backports', 'trixie', 'trixie-backports', 'sid'] as const;

/** Topologies that a board can have: files below images/topologies. */
export function topologyNames(): string[] {
	const folder = path.resolve(import.meta.dirname, '..', 'images', 'topologies');
	return readdirSync(folder)
		.filter(name => /\.(json|ts|js)$/.test(name) && !/\.test\.|index|^types/.test(name))
		.map(name => name.replace(/\.\w+$/, ''))
		.sort();
}

/** Whether this machine can run arm64 guests under KVM itself. */
export function localKvm(): boolean {
	if (process.arch !== 'arm64') return false;
	try {
		accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
		return true;
	} catch {
		return false;
	}
}

/** Reads `--on`. `auto` is this machine if it has KVM/arm64, else the board. @throws UsageError */
export function parseOn(text = 'auto'): Selection['on'] {
	if (text === 'auto') return localKvm() ? 'local' : 'board';
	if (text === 'local' || text === 'board') return text;
	if (text.startsWith('board:')) {
		const topology = text.slice('board:'.length);
		if (!topologyNames().includes(topology)) throw unknownName('topology', topology, 'of option --on', topologyNames());
		return text as `board:${string}`;
	}
	if (/^ssh:\/\/[^/\s]+$/.test(text)) return text as `ssh://${string}`;
	throw new UsageError(
		`unknown place '${text}' of option '--on'; allowed: auto, local, board, board:TOPOLOGY, ssh://HOST`,
	);
}

/** Checks one `--qemu`, `--kernel` or `--board-kernel`: `debian:SUITE` or the path of a file. @throws UsageError */
export function parseSource(text: string, option: string, executable = false): string {
	if (text.startsWith('debian:')) {
		const suite = text.slice('debian:'.length);
		if (!debianSuites.some(one => one === suite)) {
			throw unknownName('suite', suite, `of option '${option}'`, debianSuites);
		}
		return text;
	}
	const file = path.resolve(text);
	let problem: string | undefined;
	try {
		if (!statSync(file).isFile()) problem = 'is not a file';
		else accessSync(file, executable ? constants.X_OK : constants.R_OK);
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		problem = code === 'ENOENT' ? 'does not exist' : executable ? 'is not executable' : 'cannot be read';
	}
	if (problem !== undefined) {
		throw new UsageError(
			`'${text}' of option '${option}' ${problem}; allowed: a path, or debian:SUITE (${debianSuites.join(', ')})`,
		);
	}
	return file;
}

/** A comma-separated list without empty members. @throws UsageError */
export function parseList(text: string, option: string): string[] {
	const members = text.split(',').map(member => member.trim());
	if (members.some(member => member === ''))
		throw new UsageError(`empty member in '${text}' of option '${option}'; allowed: NAME[,NAME...]`);
	return members;
}

/** What runs when nothing was chosen. */
export async function defaultSelection({ cases }: { cases: readonly string[] }): Promise<Selection> {
	return {
		cases,
		on: parseOn(process.env.VPMU_ON),
		qemus: [...defaultQemus],
		tcgQemus: [{ qemu: 'debian:trixie', skip: null }],
	};
}

/** ELF e_machine (ELF header, offset 18) of the programs that each architecture of Node runs. */
const elfMachines: Record<number, string> = { 62: 'x64', 183: 'arm64' };

/** Why a QEMU cannot run on this machine itself: it is a program for another one. `null` where nothing speaks against it. */
export function foreignProgram(source: string): string | null {
	if (source.startsWith('debian:')) return null;
	const header = Buffer.alloc(20);
	const file = openSync(source, 'r');
	try {
		readSync(file, header, 0, header.length, 0);
	} finally {
		closeSync(file);
	}
	if (header.toString('latin1', 0, 4) !== '\u007fELF') return null;
	const architecture = elfMachines[header.readUInt16LE(18)];
	return architecture === process.arch
		? null
		: `TCG cells run on this machine (${process.arch}), but '${source}' is a program for ${architecture ?? 'another one'}`;
}
