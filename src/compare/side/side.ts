import { shorten } from '../../lib/text/foreign.ts';
import type { BackendView, CellResult, CellStatus, Results } from '../../run/results.ts';
import { type CellIdentity, identityOf, identityText } from './identity.ts';

/** What is compared of one cell, from all runs of one side. */
export interface SideCell {
	/** As in the newest run. */
	readonly id: string;
	readonly identity: CellIdentity;
	/** One per run that has the cell, oldest first. */
	readonly statuses: readonly CellStatus[];
	/** From the newest run with a verdict, else from the newest. */
	readonly status: CellStatus;
	readonly reason: string | null;
	readonly blame: CellResult['blame'];
	readonly predicted: CellResult['predicted'];
	readonly observed: BackendView | null;
	readonly simulated: readonly string[];
	/** Whether its status differs between attempts, within a run or across runs. */
	readonly isFlaky: boolean;
	/** Measured values by quantity, one per run that measured it, oldest first. */
	readonly measured: Readonly<Record<string, readonly number[]>>;
	/** `repro.sh` of the cell, relative to its run folder; absent in a baseline. */
	readonly repro?: string | undefined;
}

/** One side of a comparison: runs of the same thing, or a baseline made from some. */
export interface Side {
	/** Number of runs. */
	readonly runs: number;
	readonly qemus: readonly {
		readonly name: string;
		readonly version: string | null;
		/** Whether it has the PMU choice; absent if unknown. */
		readonly hasPmuChoice?: boolean;
	}[];
	/** Hosts, each with its kernels. */
	readonly hosts: readonly { readonly place: string; readonly kernels: readonly string[] }[];
	readonly vpmu: readonly string[];
	readonly cells: readonly SideCell[];
}

/** A status that says something about the thing under test. */
export const isVerdict = (status: CellStatus) => status !== 'error' && status !== 'skip';

/** Longest reason that is compared, shown and kept. */
const longestReason = 500;

/** Makes a side from the results of runs of the same thing, oldest first. Pure. */
export function sideOf(runs: readonly Results[]): Side {
	const sorted = [...runs].sort((a, b) => Date.parse(a.run.startedAt) - Date.parse(b.run.startedAt));
	const seen = Map.groupBy(
		sorted.flatMap(({ cells }) => cells),
		cell => cell.id,
	);
	const all = [...seen.values()].flat();
	const cells = [...seen.values()].map(sideCell);
	return {
		runs: runs.length,
		qemus: unique(cells.map(cell => cell.identity.qemu)).map(name => {
			const { version = null, hasPmuChoice = null } =
				all.find(one => one.qemu.version !== null && identityOf(one).qemu === name)?.qemu ?? {};
			return { name, version, ...(hasPmuChoice === null ? {} : { hasPmuChoice }) };
		}),
		hosts: [...Map.groupBy(all, one => identityOf(one).place)].map(([place, on]) => ({
			place,
			kernels: unique(on.flatMap(kernelOf)),
		})),
		vpmu: unique(sorted.map(({ run }) => run.vpmu)),
		cells,
	};
}

/** The kernel of a cell's host. Builds of one release are told apart by their folders. */
function kernelOf({ on, kernels }: CellResult): string[] {
	if (on.kernel === null) return [];
	const build = kernels?.board?.startsWith('/') ? kernels.board.split('/').at(-2) : undefined;
	return [build === undefined || build === '' ? on.kernel : `${on.kernel} (${build})`];
}

const unique = (values: readonly string[]) => [...new Set(values)];

function sideCell(results: readonly CellResult[]): SideCell {
	const last = results.findLast(one => isVerdict(one.status)) ?? results.at(-1)!;
	const verdicts = new Set(results.map(one => one.status).filter(isVerdict));
	const { observed } = last;
	return {
		id: last.id,
		identity: identityOf(last),
		statuses: results.map(one => one.status),
		...{ status: last.status, blame: last.blame, predicted: last.predicted, simulated: last.simulated },
		reason: last.reason === null ? null : shorten(last.reason, longestReason),
		observed: observed === null ? null : { backend: observed.backend, type: observed.type, name: observed.name },
		isFlaky: verdicts.size > 1 || results.some(one => one.flaky === true),
		measured: measuredIn(results),
		repro: Object.values(last.artifacts).find(file => file.endsWith('/repro.sh')),
	};
}

/** Returns the boot time, and the smallest count of each event on each set of host CPUs. */
function measuredIn(results: readonly CellResult[]): Record<string, number[]> {
	const found = new Map<string, number[]>();
	const add = (what: string, value: number) => found.set(what, [...(found.get(what) ?? []), value]);
	for (const { timings, perf } of results) {
		if (timings.shellMs !== null && timings.shellMs > 0) add('time to boot', timings.shellMs);
		const counted = perf.filter(one => one.state === 'counted' && Number(one.count) > 0);
		const byEvent = Map.groupBy(
			counted,
			one => `count of ${one.event}${one.pinned === null ? '' : ` on CPU ${one.pinned}`}`,
		);
		for (const [what, readings] of byEvent) add(what, Math.min(...readings.map(one => Number(one.count))));
	}
	return Object.fromEntries(found);
}

/** Returns what a cell is matched by, with the QEMU and host names of the other side. */
export function matchKey(
	identity: CellIdentity,
	qemus: ReadonlyMap<string, string>,
	places: ReadonlyMap<string, string>,
): string | undefined {
	const [qemu, place] = [qemus.get(identity.qemu), places.get(identity.place)];
	return qemu === undefined || place === undefined ? undefined : identityText({ ...identity, qemu, place });
}
