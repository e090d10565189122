import type { Cell } from '../../harness/plan/plan.ts';
import type { Lease } from '../../harness/protocol/lease.ts';
import type { CellSession } from '../../harness/worker/session.ts';
import { type Contradiction, type GuestReading, judge, type Observations } from '../../src/pmu/index.ts';

/** The layers, in the order in which a verdict checks them. */
export const layers = ['start', 'qmp', 'trace', 'guest', 'perf'] as const;
export type Layer = (typeof layers)[number];

/** A mutation test: one deliberate falsehood, which the verdict must detect. */
export interface Counterpart {
	readonly name: string;
	/** What is false, in a sentence. */
	readonly lie: string;
	/** Exactly the layers that contradict. */
	readonly caughtBy: readonly Layer[];
	/** Whether a QEMU with the PMU choice is needed. */
	readonly needsChoice?: boolean;
	/** Tell the prediction the same lie; then there is nothing to compare with. */
	readonly isForetold?: boolean;
	readonly topology: 'uniform' | 'biglittle';
	readonly cell: Partial<Pick<Cell, 'machine' | 'pmu' | 'backcompatPmu'>>;
	/** Falsifies before the start: returns a changed lease. */
	readonly falsify?: (lease: Lease, session: CellSession, owned: AsyncDisposableStack) => Promise<Lease> | Lease;
	/**
	 * Falsifies while the cell runs, or acts as a case would. The returned readings are judged instead of all readings.
	 */
	readonly body: (session: CellSession) => Promise<readonly GuestReading[] | undefined>;
	/** The same without the falsehood, if that differs. */
	readonly control?: Counterpart['body'];
}

/** Returns the verdict's contradictions for a session; `readings`, if given, replace all readings. */
export function contradictionsOf(session: CellSession, readings?: readonly GuestReading[]): readonly Contradiction[] {
	const { prediction, observations = {}, judging = {} } = session.record;
	if (prediction === undefined) throw new Error('nothing was predicted');
	const { guest } = observations;
	const seen: Observations =
		readings === undefined || guest === undefined ? observations : { ...observations, guest: { ...guest, readings } };
	return judge(prediction, seen, judging).contradictions;
}

/** Returns the layers of contradictions, each once, in order. */
export function layersOf(contradictions: readonly Contradiction[]): readonly Layer[] {
	return layers.filter(layer => contradictions.some(one => one.layer === layer));
}

/** Formats a row of the table in docs/false-proof.md. */
export function rowOf({ name, lie, caughtBy }: Counterpart): string {
	return `| ${name} | ${lie} | ${caughtBy.join(', ')} |`;
}
