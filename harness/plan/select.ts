import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Topology } from '../../src/board/index.ts';
import { isSshTarget, UsageError } from '../../src/lib/index.ts';
import { topologiesFolder } from '../usage/places.ts';
import { unknownName } from '../usage/unknown-name.ts';
import type { Selection } from './plan.ts';

/** Default QEMUs under test: Debian's stable one and the newest. */
export const defaultQemus = ['debian:trixie', 'debian:trixie-backports'] as const;

/** Suites accepted as `debian:SUITE`. */
export const debianSuites = ['bookworm', 'bookworm-backports', 'trixie', 'trixie-backports', 'sid'] as const;

/** Kernels that are built on request (src/image/kernel/named.ts, which is not loaded for names alone). */
export const builtKernels: readonly string[] = ['small', 'debug'];

/** Topologies of boards: files below images/topologies. */
export function topologyNames(): string[] {
	return readdirSync(topologiesFolder)
		.filter(name => /\.(json|ts|js)$/.test(name) && !/\.test\.|index|^types/.test(name))
		.map(name => name.replace(/\.\w+$/, ''))
		.sort();
}

/** Whether this machine can run arm64 guests under KVM. */
export function localKvm(): boolean {
	if (process.arch !== 'arm64') return false;
	try {
		accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
		return true;
	} catch {
		return false;
	}
}

/** Parses `--on`. `auto` is this machine if it has KVM/arm64, else the board. @throws UsageError */
export function parseOn(text = 'auto'): Selection['on'] {
	if (text === 'auto') return localKvm() ? 'local' : 'board';
	if (text === 'local' || text === 'board') return text;
	if (text.startsWith('board:')) {
		const topology = text.slice('board:'.length);
		if (!topologyNames().includes(topology)) throw unknownName('topology', topology, 'of option --on', topologyNames());
		return text as `board:${string}`;
	}
	if (/^ssh:\/\//.test(text) && isSshTarget(text)) return text as `ssh://${string}`;
	throw new UsageError(
		`unknown place '${text}' of option '--on'; allowed: auto, local, board, board:TOPOLOGY, ssh://HOST`,
	);
}

/**
 * Builds the selection for given cases and a place, with defaults for the rest. @throws UsageError for an unknown or
 * unusable place
 */
export function defaultSelection(cases: readonly string[], where?: string): Selection {
	const on = parseOn(where);
	return {
		...{ cases, on, qemus: [...defaultQemus] },
		...(on === 'local' && process.arch !== 'arm64'
			? { noKvm: `needs KVM/arm64; this machine is ${process.arch} (--on local)` }
			: {}),
		tcgQemus: [{ qemu: 'debian:trixie', skip: null }],
		boards: boardsByTopology(),
	};
}

/**
 * A build under test that cannot be used as requested: it does not exist, or lacks what was named. Bad input that
 * belongs to the build: a bisection skips it.
 */
export class UnfitBuild extends UsageError {}

/** Checks `--kernel` or `--board-kernel`: `small`, else as {@link parseSource}. @throws UsageError, UnfitBuild */
export function parseKernel(text: string, option: string): string {
	return builtKernels.includes(text) ? text : parseSource(text, option, { isKernel: true });
}

/** Checks one `--qemu` or kernel: `debian:SUITE` or the path of a file. @throws UsageError, UnfitBuild */
export function parseSource(text: string, option: string, { executable = false, isKernel = false } = {}): string {
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
		if (problem === undefined && executable && !isProgram(file)) problem = 'is neither an ELF program nor a script';
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		problem = code === 'ENOENT' ? 'does not exist' : executable ? 'is not executable' : 'cannot be read';
	}
	if (problem !== undefined) {
		throw new UnfitBuild(
			`'${text}' of option '${option}' ${problem}; allowed: a path, ${isKernel ? `${builtKernels.join(', ')}, ` : ''}or debian:SUITE (${debianSuites.join(', ')})`,
		);
	}
	return file;
}

function isProgram(file: string): boolean {
	const header = firstBytes(file, 4).toString('latin1');
	return header === '\u007fELF' || header.startsWith('#!');
}

function firstBytes(file: string, count: number): Buffer {
	const bytes = Buffer.alloc(count);
	const descriptor = openSync(file, 'r');
	try {
		readSync(descriptor, bytes, 0, count, 0);
	} finally {
		closeSync(descriptor);
	}
	return bytes;
}

/** Parses a comma-separated list without empty members. @throws UsageError */
export function parseList(text: string, option: string): string[] {
	const members = text.split(',').map(member => member.trim());
	if (members.some(member => member === ''))
		throw new UsageError(`empty member in '${text}' of option '${option}'; allowed: NAME[,NAME...]`);
	return members;
}

/** ELF e_machine (ELF header, offset 18) of the programs that Node's architectures run. */
const elfMachines: Record<number, string> = { 62: 'x64', 183: 'arm64' };

/**
 * Returns why a QEMU cannot run on this machine: it is built for another architecture. `null` if no obstacle is known.
 */
export function foreignProgram(source: string): string | null {
	if (source.startsWith('debian:')) return null;
	const header = firstBytes(source, 20);
	if (header.toString('latin1', 0, 4) !== '\u007fELF') return null;
	const architecture = elfMachines[header.readUInt16LE(18)];
	return architecture === process.arch
		? null
		: `TCG cells run on this machine (${process.arch}), but '${source}' is built for ${architecture ?? 'another architecture'}`;
}

/** The name of a trace event that only QEMUs with the PMU choice contain. */
const choiceEvent = 'kvm_arm_set_pmu\0';

/**
 * Returns which of these QEMUs have the PMU choice, as far as their program files show. Packages and scripts are not
 * searched.
 */
export function choicesOf(sources: readonly string[]): Record<string, boolean> {
	const found: Record<string, boolean> = {};
	for (const source of sources.filter(one => !one.startsWith('debian:'))) {
		const program = readFileSync(source);
		if (program.toString('latin1', 0, 4) === '\u007fELF') found[source] = program.includes(choiceEvent);
	}
	return found;
}

/** What the descriptions of boards say about their PMUs, by topology. */
export function boardsByTopology(): NonNullable<Selection['boards']> {
	return Object.fromEntries(
		topologyNames().map(name => {
			const { pmus } = JSON.parse(readFileSync(path.join(topologiesFolder, `${name}.json`), 'utf8')) as Pick<
				Topology,
				'pmus'
			>;
			const named =
				typeof pmus === 'string' ? (pmus === 'stock' ? ['the stock one'] : []) : pmus.map(pmu => pmu.compatible);
			const overflow = typeof pmus === 'string' || pmus.every(pmu => pmu.overflow === 'ppi');
			return [name, { pmus: named, overflow }];
		}),
	);
}
