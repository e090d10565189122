import { places, sources } from '../candidates.ts';
import type { Options } from '../command.ts';
import { kernelOptions } from '../guests/options.ts';

/** Options of `vpmu probe`. */
export const probeOptions = {
	on: { value: 'HOST', candidates: places, help: 'auto, local, board[:TOPOLOGY] or ssh://HOST (default: auto)' },
	'board-kernel': kernelOptions['board-kernel'],
	tags: {
		excludes: ['json', 'conformance'],
		help: 'print words that name this host in a lab, one a line: runner tags, labels or features',
	},
	conformance: {
		help: "ask KVM's PMU interface each attribute in each order, without QEMU, and compare with the kernel's source",
	},
	selftests: {
		value: 'DIR',
		needs: ['conformance'],
		help: "with --conformance: run the kernel's own tests in this folder too (default: those beside --board-kernel)",
	},
	verbose: { needs: ['conformance'], help: 'with --conformance: print every check' },
	bisect: {
		needs: ['conformance'],
		help: 'with --conformance, for git bisect run: exit with 125 if the build or the infrastructure is at fault',
	},
	json: { help: 'print one JSON document; without --conformance, the input of vpmu predict --facts' },
} as const satisfies Options;

const onOff = ['on', 'off'] as const;

/** Options of `vpmu predict`. */
export const predictOptions = {
	facts: { value: 'FILE', help: "what 'vpmu probe --json' printed; - for standard input" },
	machine: { value: 'TYPE', help: 'machine type, such as virt or virt-9.2 (default: virt)' },
	pmu: { value: 'TYPE', help: '-accel kvm,pmu=TYPE: the perf event source to use, by its type or name' },
	'qemu-has-choice': {
		value: 'yes|no',
		choices: ['yes', 'no'],
		help: 'whether QEMU has the PMU choice (default: yes)',
	},
	'qemu-version': {
		value: 'VERSION',
		help: "QEMU's version, such as 10.0.13, which decides the machine types that are old",
	},
	'backcompat-pmu': { value: 'on|off', choices: onOff, help: '-accel kvm,backcompat-pmu=' },
	'cpu-pmu': { value: 'on|off', choices: onOff, help: '-cpu ...,pmu=' },
	cpu: {
		value: 'MODEL',
		help: 'CPU model (default: host; with TCG max); under KVM host, max, or the name of the CPUs that the facts have',
	},
	accel: { value: 'kvm|tcg', choices: ['kvm', 'tcg'], help: 'accelerator (default: kvm)' },
	vcpus: { value: 'N', integer: { least: 1, most: 512 }, help: 'number of vCPUs (default: 1)' },
	affinity: { value: 'LIST', help: 'host CPUs that QEMU may run on, such as 0-3,8 (default: those of the facts)' },
	verbose: { help: 'list each event source with the reason why it is not taken' },
	json: { help: 'print the prediction as one JSON document' },
} as const satisfies Options;

/** Options of `vpmu qmp`. */
export const qmpOptions = {
	qemu: {
		value: 'QEMU',
		candidates: sources,
		help: 'PATH or debian:SUITE: start this QEMU with -machine none -S, and end it afterwards',
	},
	socket: { value: 'PATH', help: 'connect to the QMP socket of a running QEMU (PATH or HOST:PORT)' },
	oob: { help: 'execute out of band: immediately, overtaking commands that block' },
	'emit-types': { excludes: ['oob'], help: "print TypeScript declarations of this QEMU's commands and events" },
	record: { value: 'FILE', help: 'write both directions, with times, as NDJSON' },
	'timeout-ms': {
		value: 'N',
		integer: { least: 1, most: 999_999_999 },
		help: 'time limit of a command in milliseconds (default 60000)',
	},
} as const satisfies Options;

/** Options of `vpmu inspect`. */
export const inspectOptions = {
	qemu: { value: 'QEMU', candidates: sources, help: 'PATH or debian:SUITE' },
	diff: {
		value: 'OTHER',
		candidates: sources,
		help: 'a second QEMU: show the changes from the first to it, and whether machine types keep their PMU',
	},
	on: {
		value: 'WHERE',
		candidates: places,
		help: 'auto, local, board, board:TOPOLOGY or ssh://HOST (default: local if the program is for this machine)',
	},
	json: { help: 'print one JSON document; integers beyond 2^53 are decimal strings' },
} as const satisfies Options;
