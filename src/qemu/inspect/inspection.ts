import type { ProcessExit } from '../../host/host.ts';

/** QEMU's error answer. `desc` is for people and differs between versions. */
export interface Refusal {
	readonly class: string;
	readonly desc: string;
}

/** A question that ended QEMU: the death is the answer. */
export interface Death {
	/** The command with its arguments, as JSON. */
	readonly question: string;
	readonly exit: ProcessExit;
	/** Last lines of stderr, oldest first. */
	readonly stderr: readonly string[];
}

/** What came of a question to a QEMU. */
export type Answer<T> =
	| { readonly answer: T }
	| { readonly refused: Refusal }
	| { readonly died: Death }
	/** QEMU lives, and nothing came in time; or it could not be started any more. */
	| { readonly unanswered: string };

/** A default that a machine type sets on every object of a QOM type, in order of application: later ones win. */
export interface CompatProperty {
	readonly qomType: string;
	readonly property: string;
	readonly value: string;
}

export interface MachineType {
	readonly name: string;
	readonly alias: string | null;
	readonly isDefault: boolean;
	readonly deprecated: boolean;
	readonly cpuMax: number;
	readonly defaultCpuType: string | null;
	/** `null`: this QEMU does not tell (before 9.1). */
	readonly compatProperties: readonly CompatProperty[] | null;
	/** What the compat properties make of `kvm-accel.backcompat-pmu`; `null`: not told. */
	readonly backcompatPmu: boolean | null;
}

export interface ObjectProperty {
	readonly name: string;
	readonly type: string;
	readonly description?: string;
	/** As QEMU gives it; integers beyond 2^53 are bigint. */
	readonly defaultValue?: unknown;
}

/** One way of asking whether a build has the PMU choice (`-accel kvm,pmu=`). */
export interface PmuChoiceEvidence {
	readonly way: 'trace-event' | 'compat-properties' | 'accelerator-properties' | 'command-line';
	/** What was asked. */
	readonly question: string;
	/** What came, in a sentence. */
	readonly answer: string;
	/** `null`: this way says nothing about this build. */
	readonly has: boolean | null;
}

/** All that a QEMU says of itself without a guest: `vpmu inspect --json`. */
export interface Inspection {
	readonly schema: 'vpmu-inspect/1';
	/** As the user named it. */
	readonly qemu: string;
	readonly command: readonly string[];
	readonly host: string;
	readonly version: string;
	/** What the packager added, such as `Debian 1:10.0.13+ds-0+deb13u1`; empty when nothing. */
	readonly package: string;
	readonly target: string | null;
	readonly accelerators: {
		/** The accelerator that runs, and those built in. */
		readonly enabled: string | null;
		readonly present: readonly string[];
		/** Whether QEMU said so itself (10.2 and newer do) or it follows from the types that it has. */
		readonly from: 'query-accelerators' | 'qom-list-types';
		/** `query-kvm`: KVM is built in and the host has it; KVM runs. */
		readonly kvm: { readonly present: boolean; readonly enabled: boolean } | null;
		/** QEMU's words on the accelerators that it could not use. */
		readonly notes: readonly string[];
	};
	/** By QOM type, such as `kvm-accel`. */
	readonly acceleratorProperties: Readonly<Record<string, Answer<readonly ObjectProperty[]>>>;
	readonly machines: Answer<readonly MachineType[]>;
	/** Properties of each CPU model that was asked for, as `query-cpu-model-expansion` gives them. */
	readonly cpuModels: Readonly<Record<string, Answer<Readonly<Record<string, unknown>>>>>;
	readonly pmuChoice: {
		/** `null`: unknown, or the ways contradict each other. */
		readonly has: boolean | null;
		readonly evidence: readonly PmuChoiceEvidence[];
	};
	/** Every question that ended QEMU. */
	readonly deaths: readonly Death[];
	readonly timings: { readonly greetingMs: number; readonly totalMs: number };
	/** `query-qmp-schema`, where it was asked for. */
	readonly qmpSchema?: Answer<unknown>;
}
