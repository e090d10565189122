import type { Cell } from '../../harness/plan/plan.ts';
import type { Lease } from '../../harness/protocol/lease.ts';
import type { CellSession } from '../../harness/worker/session.ts';
import { type Contradiction, type GuestReading, judge, type Observations } from '../../src/pmu/index.ts';

/** The layers of proof, in the order in which a verdict looks at them. */
export const layers = ['start', 'qmp', 'trace', 'guest', 'perf'] as const;
export type Layer = (typeof layers)[number];

/** A proof with one thing in it deliberately false. The verdict must see it. */
export interface Counterpart {
	readonly name: string;
	/** What is false, in a sentence. */
	readonly lie: string;
	/** The layers that contradict, and no others. */
	readonly caughtBy: readonly Layer[];
	/** Whether a QEMU with the PMU choice is needed. */
	readonly needsChoice?: boolean;
	/** The prediction is told of the lie too, so that without it there is nothing to compare with. */
	readonly isForetold?: boolean;
	readonly topology: 'uniform' | 'biglittle';
	readonly cell: Partial<Pick<Cell, 'machine' | 'pmu' | 'backcompatPmu'>>;
	/** Makes it false before anything is started: a lease like the true one but for the lie. */
	readonly falsify?: (lease: Lease, session: CellSession, owned: AsyncDisposableStack) => Promise<Lease> | Lease;
	/** Makes it false while it runs, or does what a case would do. What it returns is judged in place of all readings. */
	readonly body: (session: CellSession) => Promise<readonly GuestReading[] | undefined>;
	/** What is done without the lie, where that is not the same. */
	readonly control?: Counterpart['body'];
}

/** What a verdict made of a session: its contradictions, the readings of one step in place of all where they are given. */
export function contradictionsOf(session: CellSession, readings?: readonly GuestReading[]): readonly Contradiction[] {
	const { prediction, observations = {}, judging = {} } = session.record;
	if (prediction === undefined) throw new Error('nothing was predicted');
	const { guest } = observations;
	const seen: Observations =
		readings === undefined || guest === undefined ? observations : { ...observations, guest: { ...guest, readings } };
	return judge(prediction, seen, judging).contradictions;
}

/** The layers of contradictions, each once, in order. */
export function layersOf(contradictions: readonly Contradiction[]): readonly Layer[] {
	return layers.filter(layer => contradictions.some(one => one.layer === layer));
}

/** A line of the table of docs/false-proof.md. */
export function rowOf({ name, lie, caughtBy }: Counterpart): string {
	return `| ${name} | ${lie} | ${caughtBy.join(', ')} |`;
}
