import type { ProcessExit } from '../../host/host.ts';

/** An error reply of QEMU. `desc` is for people and differs between versions. */
export interface Refusal {
	readonly class: string;
	readonly desc: string;
}

/** A question that killed QEMU. The death is the answer. */
export interface Death {
	/** The command with its arguments, as JSON. */
	readonly question: string;
	readonly exit: ProcessExit;
	/** Last lines of stderr, oldest first. */
	readonly stderr: readonly string[];
}

/** The result of a question to a QEMU. */
export type Answer<T> =
	| { readonly answer: T }
	| { readonly refused: Refusal }
	| { readonly died: Death }
	/** QEMU runs but did not answer in time, or could not be started again. */
	| { readonly unanswered: string };

/** A default that a machine type sets on every object of a QOM type. They are applied in order: later ones win. */
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
	/** `null` if this QEMU does not report them (before 9.1). */
	readonly compatProperties: readonly CompatProperty[] | null;
	/** The value of `kvm-accel.backcompat-pmu` according to the compat properties; `null` if not reported. */
	readonly backcompatPmu: boolean | null;
}

export interface ObjectProperty {
	readonly name: string;
	readonly type: string;
	readonly description?: string;
	/** As QEMU reports it; integers beyond 2^53 are bigint. */
	readonly defaultValue?: unknown;
}

/** Evidence from one method on whether a build has the PMU choice (`-accel kvm,pmu=`). */
export interface PmuChoiceEvidence {
	readonly way: 'trace-event' | 'compat-properties' | 'accelerator-properties' | 'command-line';
	/** The question asked. */
	readonly question: string;
	/** The answer, in a sentence. */
	readonly answer: string;
	/** `null` if this method says nothing about this build. */
	readonly has: boolean | null;
}

/** Everything that a QEMU reports about itself without a guest: `vpmu inspect --json`. */
export interface Inspection {
	readonly schema: 'vpmu-inspect/1';
	/** As given by the user. */
	readonly qemu: string;
	readonly command: readonly string[];
	readonly host: string;
	readonly version: string;
	/** The packager's suffix, such as `Debian 1:10.0.13+ds-0+deb13u1`; may be empty. */
	readonly package: string;
	readonly target: string | null;
	readonly accelerators: {
		/** `enabled`: the running accelerator; `present`: those built in. */
		readonly enabled: string | null;
		readonly present: readonly string[];
		/** Whether QEMU reported this itself (since 10.2), or it follows from QEMU's QOM types. */
		readonly from: 'query-accelerators' | 'qom-list-types';
		/** `query-kvm`: `present` if KVM is built in and the host has it; `enabled` if it runs. */
		readonly kvm: { readonly present: boolean; readonly enabled: boolean } | null;
		/** QEMU's messages on accelerators that it could not use. */
		readonly notes: readonly string[];
	};
	/** By QOM type, such as `kvm-accel`. */
	readonly acceleratorProperties: Readonly<Record<string, Answer<readonly ObjectProperty[]>>>;
	readonly machines: Answer<readonly MachineType[]>;
	/** Properties of each requested CPU model, from `query-cpu-model-expansion`. */
	readonly cpuModels: Readonly<Record<string, Answer<Readonly<Record<string, unknown>>>>>;
	readonly pmuChoice: {
		/** `null` if unknown, or if the methods contradict each other. */
		readonly has: boolean | null;
		readonly evidence: readonly PmuChoiceEvidence[];
	};
	/** Every question that killed QEMU. */
	readonly deaths: readonly Death[];
	readonly timings: { readonly greetingMs: number; readonly totalMs: number };
	/** `query-qmp-schema`, if requested. */
	readonly qmpSchema?: Answer<unknown>;
}
