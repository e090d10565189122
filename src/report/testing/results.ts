import { summaryOf } from '../../run/fold.ts';
import type { CellResult, Results } from '../../run/results.ts';

/** Text with the special characters of every report format. */
export const nasty = 'a <b> & "c" \u0000\u001b[31m ]]> | `x` #1 \\ ---\n... # SKIP';

export const cellOf = (status: CellResult['status'], more: Partial<CellResult> = {}): CellResult => ({
	id: `pmu/a[uniform,debian:trixie,virt,pmu=#0,${status}]`,
	case: 'pmu/a',
	status,
	reason: status === 'pass' ? null : nasty,
	blame: status === 'error' ? 'board' : null,
	on: { host: 'board:uniform', topology: 'uniform', kernel: '6.12' },
	qemu: { version: '10.0.13', path: 'debian:trixie', hasPmuChoice: false },
	accel: 'kvm',
	machine: 'virt',
	pmu: null,
	cpuPmu: null,
	simulated: [],
	predicted: { backend: 'event-source', type: 10, name: 'armv8_pmuv3', rule: 'covers-all' },
	observed: { backend: 'default', layers: { qmp: { kvm: true }, trace: null, guest: nasty } },
	perf: [{ event: 'cycles', state: 'counted', count: '18446744073709551615', runningPct: 100, pinned: null }],
	timings: { spawnMs: null, greetingMs: null, shellMs: null, totalMs: 1234 },
	artifacts: { 'argv.json': 'cells/pmu_a_#1/argv.json' },
	...more,
});

/** A cell that an interrupt kept from its verdict, as the fold of a run makes it. */
export const interruptedCell = (): CellResult =>
	cellOf('skip', { reason: 'interrupted while it ran', predicted: null, observed: null, perf: [], artifacts: {} });

/** Makes the results of a run with these cells. */
export function resultsWith(cells: readonly CellResult[]): Results {
	return {
		schema: 'vpmu-results/1',
		run: { id: 'r', startedAt: '2026-01-01T00:00:00.000Z', argv: ['vpmu', 'run', nasty], vpmu: '0', durationMs: 5000 },
		cells,
		summary: summaryOf(cells),
	};
}

export const everyStatus = resultsWith(
	(['pass', 'fail', 'error', 'skip', 'xfail', 'xpass'] as const).map(status => cellOf(status)),
);
