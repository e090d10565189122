/** A program for the guest, written in C without a C library, whose aarch64 build is committed in `bin/aarch64`. */
export interface GuestTool {
	/** File name of the program in `bin/aarch64`. */
	readonly name: string;
	/** The file that is compiled, below this folder; it includes the rest. */
	readonly source: string;
	/** `program`: static and freestanding; `library`: a freestanding shared object to be preloaded. */
	readonly kind: 'program' | 'library';
}

export const guestTools: readonly GuestTool[] = [
	{ name: 'agent', source: 'agent/agent.c', kind: 'program' },
	{ name: 'workload', source: 'workload/workload.c', kind: 'program' },
	{ name: 'kvm-facts', source: 'kvm-facts.c', kind: 'program' },
	{ name: 'kvm-shim.so', source: 'kvm-shim.c', kind: 'library' },
];

const common = [
	...['-std=gnu11', '-Os', '-Wall', '-Wextra', '-Werror', '-fno-stack-protector', '-fno-asynchronous-unwind-tables'],
	...['-ffreestanding', '-nostdlib', '-fno-tree-loop-distribute-patterns'],
	// The same bytes wherever and whenever it is built; no helpers that depend on the CPU.
	...['-ffile-prefix-map=.=', '-Wl,--build-id=none', '-s', '-mno-outline-atomics'],
];

/** Arguments for `aarch64-linux-gnu-gcc`, to be run in this folder. gcc 12.2.0 (Debian bookworm) made the committed builds. */
export function compilerArguments(tool: GuestTool, output: string): string[] {
	const kind =
		tool.kind === 'program' ? ['-static', '-fno-pie', '-no-pie', '-Wl,-z,noseparate-code'] : ['-fPIC', '-shared'];
	return [...common, ...kind, '-o', output, tool.source];
}
