import { summaryOf } from '../../run/fold.ts';
import type { BackendView, CellResult, CellStatus, Results } from '../../run/results.ts';

/** What a test specifies of a cell; the rest has defaults. */
export interface CellSketch {
	readonly name?: string;
	readonly place?: string;
	readonly qemu?: string;
	readonly machine?: string;
	readonly axes?: readonly string[];
	readonly status?: CellStatus;
	readonly reason?: string | null;
	readonly predicted?: BackendView & { readonly rule: string };
	readonly observed?: BackendView;
	readonly bootMs?: number;
	readonly counts?: readonly (readonly [event: string, count: number])[];
	readonly more?: Partial<CellResult>;
}

/** Makes a cell's result. */
export function sketched(sketch: CellSketch): CellResult {
	const { name = 'pmu/a', place = 'uniform', qemu = 'debian:trixie', machine = 'virt', axes = [] } = sketch;
	const { status = 'pass', predicted = { backend: 'default', rule: 'kvm-default' } } = sketch;
	const isBoard = !place.includes(':') && place !== 'local';
	return {
		id: `${name}[${[place, qemu, machine, ...axes].join(',')}]`,
		...{ case: name, status, reason: sketch.reason ?? null, blame: null },
		on: { host: isBoard ? `board:${place}` : place, topology: isBoard ? place : null, kernel: '6.12' },
		qemu: { version: '10.0.13', path: qemu, hasPmuChoice: false },
		...{ accel: 'kvm', machine, pmu: null, cpuPmu: null, simulated: [] },
		predicted: status === 'skip' || status === 'error' ? null : predicted,
		observed:
			status === 'skip' || status === 'error'
				? null
				: { ...(sketch.observed ?? predicted), layers: { qmp: null, trace: null, guest: null } },
		perf: (sketch.counts ?? []).map(([event, count]) => ({
			...{ event, state: 'counted' as const, count: String(count), runningPct: 100, pinned: null },
		})),
		timings: { spawnMs: null, greetingMs: null, shellMs: sketch.bootMs ?? null, totalMs: null },
		artifacts: {},
		...sketch.more,
	};
}

let moment = Date.UTC(2026, 0, 1);

/** Makes a run of these cells, later than the one made before it. */
export function runOf(...sketches: readonly CellSketch[]): Results {
	const cells = sketches.map(sketched);
	moment += 60_000;
	return {
		schema: 'vpmu-results/1',
		run: { id: 'r', startedAt: new Date(moment).toISOString(), argv: ['vpmu', 'run'], vpmu: '0.1.0', durationMs: 1000 },
		...{ cells, summary: summaryOf(cells) },
	};
}
