import { VpmuError } from '../../../../src/lib/index.ts';
import type { KernelUse } from '../../../../src/patch/index.ts';
import type { KernelTrial, SeriesVerdict } from '../../../../src/report/index.ts';
import { exitCodes } from '../../../usage/exit-codes.ts';
import { verdictOf } from '../outcome.ts';
import { linesText, saidIn } from '../runs.ts';
import type { Side } from '../sides/plan.ts';
import type { JudgedSide } from '../sides/run.ts';
import { interfaceChange } from './interface.ts';
import type { BuiltPair, LinuxSeries } from './pair.ts';
import type { SeenSide } from './side.ts';

/** What a side of a series for Linux, or of a pair, is judged by. */
export interface SideEvidence {
	readonly out: string;
	/** Linux's, as named by the user. */
	readonly source: string;
	readonly pair: LinuxSeries['qemu'];
	readonly use: KernelUse;
	readonly built: BuiltPair;
	readonly env: NodeJS.ProcessEnv;
	readonly sides: { readonly before: Side };
	readonly side: Side;
	readonly first: SeenSide;
	readonly seen: SeenSide;
}

/** Judges a side by what the first one showed: the cells, what KVM answers, and what QEMU says without a guest. */
export function judgeSide(evidence: SideEvidence): SeriesVerdict {
	const { out, source, pair, use, built, env, sides, side, first, seen } = evidence;
	const { qemu, linux } = built;
	const kernel: KernelTrial = {
		...{ as: use, source, before: sides.before.linux!, after: side.linux! },
		answers: first.asked === undefined || seen.asked === undefined ? null : interfaceChange(first.asked, seen.asked),
	};
	const to = `Linux ${linux.before.version} of ${source}`;
	// The series for Linux alone leaves QEMU unchanged.
	const isOfQemu = qemu !== undefined && side.qemu!.program !== sides.before.qemu!.program;
	const judged = verdictOf({
		...{ out, env, before: first.results, after: seen.results, kernel },
		...{ tree: isOfQemu ? ('both' as const) : ('linux' as const), source: pair?.source ?? source },
		inspected: seen.inspected instanceof VpmuError ? undefined : seen.inspected,
		others: linux.series.map(one => ({ ...one, to })),
		built:
			qemu === undefined
				? { series: [], before: kernel.before, after: kernel.after }
				: { series: qemu.series, before: sides.before.qemu!, after: side.qemu! },
	});
	return noted(judged, [
		...(first.taken === undefined ? [] : [`results without the series: ${first.taken}`]),
		...(isOfQemu ? saidOfQemu(evidence) : []),
	]);
}

/** Notes on a side's QEMU: why it was not inspected, and what it writes to stderr and the unpatched one does not. */
function saidOfQemu({ side, first, seen }: SideEvidence): string[] {
	const known = new Set(saidIn(first.results));
	const lines = saidIn(seen.results).filter(line => !known.has(line));
	return [
		...(seen.inspected instanceof VpmuError
			? [`${side.name} could not be asked without a guest: ${seen.inspected.message}`]
			: []),
		...(lines.length === 0 ? [] : [`${side.name} makes QEMU write to stderr: ${linesText(lines)}`]),
	];
}

/** Adds notes to a verdict, which shows them with its last series. */
function noted(verdict: SeriesVerdict, notes: readonly string[]): SeriesVerdict {
	const last = verdict.series.length - 1;
	const series = verdict.series.map((one, at) => (at === last ? { ...one, notes: [...one.notes, ...notes] } : one));
	return { ...verdict, series };
}

/** Adds to a verdict which patch or series is at fault, new compiler warnings, and that patches were not run. */
export function withNotes(
	{ judged, which, left, side }: JudgedSide<SeriesVerdict>,
	{ linux }: BuiltPair,
	isEach: boolean,
): SeriesVerdict {
	const isWorse = judged.exit === exitCodes.failed;
	const notes = [
		...linux.steps.flatMap(({ warnings }, at) =>
			warnings.map(line => `${isEach ? `patch ${at + 1} for Linux` : 'Linux'} has a new compiler warning: ${line}`),
		),
		...(isWorse && left.length > 0 ? [`the patches after ${side.name} were built and not run`] : []),
	];
	return { ...noted(judged, notes), why: [...which, ...judged.why] };
}
