/** A program for the guest, written in C without a C library, whose aarch64 build is committed in `bin/aarch64`. */
export interface GuestTool {
	/** File name of the program in `bin/aarch64`. */
	readonly name: string;
	/** The file to compile, below this folder; it includes the others. */
	readonly source: string;
	/** `program`: static and freestanding; `library`: a freestanding shared object to be preloaded. */
	readonly kind: 'program' | 'library';
}

export const guestTools: readonly GuestTool[] = [
	{ name: 'agent', source: 'agent/agent.c', kind: 'program' },
	{ name: 'workload', source: 'workload/workload.c', kind: 'program' },
	{ name: 'kvm-facts', source: 'kvm-facts.c', kind: 'program' },
	{ name: 'kvm-conformance', source: 'conformance/conformance.c', kind: 'program' },
	{ name: 'kvm-shim.so', source: 'kvm-shim.c', kind: 'library' },
];
