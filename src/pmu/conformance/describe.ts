import type { Check, Conformance } from './judge.ts';

/** Describes what a host's KVM answered: deviations, what no rule covers, and counts; with `every`, each check. */
export function describeConformance(found: Conformance, every = false): string {
	const { checks, kernelLog } = found;
	const of = (status: Check['status']) => checks.filter(check => check.status === status);
	const blocks = [
		`${found.host}: Linux ${found.kernel}, KVM's interface to the PMU of a vCPU`,
		...(every ? of('as-ruled').map(check => `as ruled  ${check.id}: ${check.what}: ${check.observed}`) : []),
		...(every ? of('told').map(check => `told      ${check.id}: ${check.what}: ${check.observed}`) : []),
		...of('deviates').flatMap(deviationOf),
		...(kernelLog ?? []).flatMap(line => [
			'DEVIATES  kernel-log: the kernel logged while it was asked:',
			`          ${line}`,
		]),
		...(kernelLog === null ? ['the kernel log could not be read: what it logged meanwhile is not known'] : []),
		...(found.fixedCounters === 'none' ? [] : [`attribute 5 (FIXED_COUNTERS_ONLY): rules of ${found.fixedCounters}`]),
		...notAsked(of('not-asked')),
		`${of('as-ruled').length} as the kernel's source says, ${found.deviations} not, ${of('told').length} without a rule for this kernel, ${of('not-asked').length} not asked`,
	];
	if (found.deviations > 0)
		blocks.push("the host's kernel is to blame: what QEMU and guests do with such a vCPU proves nothing about them");
	return `${blocks.join('\n')}\n`;
}

function deviationOf({ id, what, where, since, expected, observed, why }: Check): string[] {
	return [
		`DEVIATES  ${id}: ${what}: ${expected} expected, ${observed ?? 'nothing'} observed${why === null ? '' : `: ${why}`}`,
		`          ${where}, since Linux ${since}`,
	];
}

function notAsked(checks: readonly Check[]): string[] {
	const reasons = new Map<string, number>();
	for (const { why } of checks) reasons.set(why ?? '', (reasons.get(why ?? '') ?? 0) + 1);
	return [...reasons].map(([why, count]) => `not asked ${count}: ${why}`);
}
