import { sources } from '../candidates.ts';
import type { Options } from '../command.ts';
import { kernelOptions } from '../guests/options.ts';

const json = { help: 'print JSON' } as const;

const board = {
	cpus: { value: 'N', integer: { least: 1, most: 512 }, help: "number of CPUs (default: the topology's own)" },
	kernel: kernelOptions['board-kernel'],
} as const satisfies Options;

/** Options of `vpmu board up`. */
export const boardUpOptions = {
	...board,
	foreground: { help: 'stay in the foreground until interrupted, and end the board then' },
} as const satisfies Options;

/** Options of `vpmu board list`. */
export const boardListOptions = { json } as const satisfies Options;

/** Options of `vpmu board ssh`. */
export const boardSshOptions = board;

/** Options of `vpmu image build`. */
export const imageBuildOptions = {
	kernel: {
		value: 'PATH|debian:SUITE',
		candidates: sources,
		help: 'the kernel whose modules go into the image (default debian:trixie)',
	},
	format: {
		value: 'FORMAT',
		choices: ['cpio', 'squashfs'],
		help: 'cpio, for -initrd (default), or squashfs, a read-only disk',
	},
	refresh: { help: 'look for newer packages instead of using the earlier choice' },
	json,
} as const satisfies Options;

/** Options of `vpmu image list`. */
export const imageListOptions = { json } as const satisfies Options;

/** Options of `vpmu image prune`. */
export const imagePruneOptions = {
	'unused-for': { value: 'DAYS', help: 'remove entries not used for this many days (default 30)' },
	all: { excludes: ['unused-for'], help: 'remove everything, whatever its age' },
	'dry-run': { help: 'only print what would be removed' },
	json,
} as const satisfies Options;

/** Benchmarks by name, in the order in which they run. */
export const benchmarkNames = ['qmp', 'replies', 'inspect', 'guest', 'nested', 'selection'] as const;

/** Options of `vpmu bench`. */
export const benchOptions = {
	qemu: {
		value: 'QEMU',
		candidates: sources,
		help: 'PATH or debian:SUITE, a program for this machine (default debian:trixie)',
	},
	rounds: {
		value: 'N',
		integer: { least: 1, most: 99_999 },
		help: 'rounds in which contenders are measured in turn (default 21; fewer if a turn is long)',
	},
	json: { help: 'print one JSON document' },
} as const satisfies Options;

/** Options of `vpmu doctor`. */
export const doctorOptions = { json } as const satisfies Options;
