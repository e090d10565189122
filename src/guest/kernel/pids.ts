/** Patterns for the processes that a kernel report names: `PID: 7 Comm:`, `perf/7`, `[perf:7]`, `kvm [7]:`, `task perf:7`, threads of vhost and KVM. */
const places = [
	/\bPID: (\d{1,10})\b/g,
	/\bcode: [^\n/]{1,64}\/(\d{1,10})\b/g,
	/CPU#\d{1,5}: [^\n]{1,64}\/(\d{1,10})$/g,
	/^[^\n/]{1,24}\/(\d{1,10}) (?:is trying|just changed|is leaving|is freeing|still has)/g,
	/\[[^\n[\]]{1,64}:(\d{1,10})\]/g,
	/\bkvm \[(\d{1,10})\]/g,
	/\b(?:task|by task) [^\n]{1,64}?[:/](\d{1,10})\b/g,
	/\b(?:vhost-|kvm-pit\/|kvm-nx-lpage-recovery-)(\d{1,10})\b/g,
	/\bprocess (\d{1,10}) \(/g,
	/\[ {0,6}T(\d{1,10})\]/g,
];

/**
 * Returns the pids that the lines of a kernel report name, each once; empty if it names none. The report names the task that
 * was running at the time, which need not have caused the fault.
 */
export function processesNamed(lines: readonly string[]): readonly number[] {
	const found = new Set<number>();
	for (const line of lines) {
		for (const place of places) for (const match of line.matchAll(place)) found.add(Number(match[1]));
	}
	found.delete(0);
	return [...found];
}
