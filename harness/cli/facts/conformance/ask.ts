import { sortKernelLog } from '../../../../src/guest/index.ts';
import { type Host, kernelLogSince, markKernelLog } from '../../../../src/host/index.ts';
import { askKvm, type Conformance, judgeConformance } from '../../../../src/pmu/index.ts';
import { checkSelftests } from '../../../plan/selftests/selftests.ts';
import { hostTool } from '../../../usage/places.ts';

/** Limit of the whole: guest code that hangs is ended after 10 s each, and a loaded board is slow. */
const askMs = 600_000;

/**
 * Asks a host's KVM about its PMU interface, runs the kernel's own tests if their folder is given, and judges the answers and what
 * the kernel logs meanwhile.
 * @throws VpmuError (blame `host`) if KVM cannot be asked
 */
export async function conformanceOf(host: Host, signal: AbortSignal, selftests?: string): Promise<Conformance> {
	const wait = { timeoutMs: askMs, signal };
	const program = await host.provide(hostTool('kvm-conformance'));
	const mark = await markKernelLog(host, wait);
	const answers = await askKvm(host, program, wait);
	const tested = selftests === undefined ? [] : await checkSelftests(host, selftests, signal);
	const { lines, unread } = await kernelLogSince(host, mark, wait);
	const { reports } = sortKernelLog(lines, { of: 'host', release: answers.release });
	// Neither is a fault of the kernel.
	const own = reports.filter(({ kind }) => kind !== 'oom-kill' && kind !== 'hardware');
	return judgeConformance(host.name, answers, unread === null ? own.map(report => report.line) : null, tested);
}
