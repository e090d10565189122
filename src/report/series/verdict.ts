import { type Comparison, findingIn } from '../../compare/index.ts';
import { counted } from '../../lib/text/counted.ts';
import type { CellResult, Results } from '../../run/results.ts';

/** A series as it was applied. */
export interface AppliedSeries {
	readonly title: string;
	readonly version: number;
	readonly author: string;
	readonly patches: readonly { readonly title: string; readonly author: string; readonly files: readonly string[] }[];
	readonly changeId?: string | undefined;
	readonly baseCommit?: string | undefined;
	readonly notes: readonly string[];
	/** What it was applied to, such as `Linux 6.12.117 of debian:trixie`; absent: the QEMU of the verdict. */
	readonly to?: string | undefined;
}

export interface BuiltProgram {
	readonly program: string;
	readonly version: string;
}

/** What a series for Linux was tried as, and what KVM answered without cells. */
export interface KernelTrial {
	/** Whose kernel it is. */
	readonly as: 'board' | 'guest' | 'both';
	/** Linux's source, as named by the user. */
	readonly source: string;
	/** The Images. */
	readonly before: BuiltProgram;
	readonly after: BuiltProgram;
	/** `null` if only guests have the kernel. */
	readonly answers: KernelAnswers | null;
}

/** What KVM answers after a series and before it (`vpmu probe --conformance`). */
export interface KernelAnswers {
	/** Ids of checks that deviate from the kernel's source now and did not before; `kernel-log` for what the kernel logs. */
	readonly worse: readonly string[];
	/** Checks whose answer is another one, as `ID: BEFORE -> AFTER`. */
	readonly changed: readonly string[];
	/** Why one of the kernels could not be asked, with the side; `null` if both were. */
	readonly unasked: string | null;
}

/** How {@link KernelAnswers.unasked} begins if it is the later kernel. */
export const unaskedAfter = 'after the series: ';

/** The inspections of both builds. */
export interface BuildsSay {
	/** Whether machine types keep their PMU; `null` if it could not be decided. */
	readonly holds: boolean | null;
	readonly reason: string;
	readonly findings: readonly { readonly severity: 'regression' | 'difference'; readonly text: string }[];
	/** Changes of QMP's commands and events that break a client. */
	readonly breaking: readonly string[];
}

/** A claim of the series, and the cells that tested it. */
export interface Claim {
	readonly text: string;
	/** `cover letter`, `patch N`, or a file of documentation. */
	readonly where: string;
	readonly state: 'holds' | 'fails' | 'not-tried';
	/** Ids of the cells that tested it. */
	readonly cells: readonly string[];
	/** Those that contradict it. */
	readonly against: readonly string[];
}

/** A finding that earlier versions of the series had, or that this one shows. */
export interface SeriesFinding {
	readonly finding: string;
	readonly text: string;
	/**
	 * `shows`: still there. `fixed`: seen in an earlier version, and gone. `gone`: seen in this very version, but not
	 * now.
	 */
	readonly state: 'shows' | 'fixed' | 'gone' | 'not-tried';
	/** The version in which it was seen before; absent if it was not known of this series. */
	readonly seenIn?: number | undefined;
	readonly cells: readonly string[];
}

/** Everything found out about a series: `series.json`. Reports are folds of it. */
export interface SeriesVerdict {
	readonly schema: 'vpmu-series/1';
	/** The folder of both runs, as given. */
	readonly out: string;
	readonly vpmu: string;
	/** The source, as named by the user: QEMU's if there is a series for it. */
	readonly source: string;
	/** What the series are for. */
	readonly tree: 'qemu' | 'linux' | 'both';
	readonly series: readonly AppliedSeries[];
	/** QEMU's programs; Linux's Images if the series is for Linux alone. */
	readonly before: BuiltProgram;
	readonly after: BuiltProgram;
	/** `null` if they were not inspected; always `null` for a series for Linux alone. */
	readonly builds: BuildsSay | null;
	/** Absent if no series is for Linux. */
	readonly kernel?: KernelTrial | undefined;
	readonly comparison: Comparison;
	readonly findings: readonly SeriesFinding[];
	readonly claims: readonly Claim[];
	readonly tried: Tried;
	readonly passes: boolean | null;
	readonly exit: number;
	/** Why it does or does not pass. */
	readonly why: readonly string[];
	/** Who ran it, for `Tested-by:`; absent if unknown. */
	readonly tester?: string | undefined;
}

/** What ran with the series. */
export interface Tried {
	readonly cells: Readonly<Record<CellResult['status'], number>>;
	/** Number of cells that ran under KVM on a real host, on an emulated one, and under TCG. */
	readonly real: number;
	readonly board: number;
	readonly tcg: number;
	/** Host capabilities that were simulated, with the number of cells. */
	readonly simulated: Readonly<Record<string, number>>;
	readonly hosts: readonly string[];
}

export type SeriesEvidence = Omit<SeriesVerdict, 'schema' | 'tried' | 'passes' | 'exit' | 'why' | 'findings'> & {
	readonly results: Results;
	/** Findings that versions of the series had, and the version they were seen in. */
	readonly known: { readonly version: number; readonly findings: Readonly<Record<string, string>> } | null;
};

/**
 * Judges a series by the observations without and with it. Failures that also occur without it are not its fault; a
 * finding that an earlier version had and this one does not is fixed. Pure.
 */
export function judgeSeries({ results, known, ...evidence }: SeriesEvidence): SeriesVerdict {
	const { comparison, builds, series, kernel, tree } = evidence;
	const answers = kernel?.answers;
	const findings = findingsOf(results, known, series.at(-1)?.version ?? 1);
	const ran = triedIn(results);
	const sameFailing = comparison.sameFailing;
	const unexpected = results.cells.filter(cell => cell.status === 'xpass').length - fixedCells(findings);
	const { failure, flaky, undecided, stopped, regression, finding, exposed } = comparison.counts;
	const worse = [
		...(answers == null || answers.worse.length === 0
			? []
			: [`KVM does not answer as its source says (kernel): ${answers.worse.join(', ')}`]),
		...(builds?.holds === false ? ['machine types do not keep their PMU'] : []),
		...(builds?.holds !== false && builds?.findings.some(one => one.severity === 'regression')
			? ['what QEMU says without a guest got worse']
			: []),
		...(regression > 0 ? [`${counted(regression, 'cell')} got worse`] : []),
		...(failure > 0
			? [`${counted(failure, 'cell')} that had no verdict before ${failure === 1 ? 'fails' : 'fail'}`]
			: []),
		...(finding > 0 ? [`${counted(finding, 'cell')} ${finding === 1 ? 'shows' : 'show'} a known finding`] : []),
	];
	const unknown = [
		...(builds?.holds === null ? [`whether machine types keep their PMU is not known (${builds.reason})`] : []),
		...(answers?.unasked?.startsWith(unaskedAfter) ? [`KVM could not be asked ${answers.unasked}`] : []),
		...(builds === null && tree !== 'linux' ? ['the builds were not asked without a guest'] : []),
		...(undecided + ran.cells.error > 0
			? [`${counted(Math.max(undecided, ran.cells.error), 'cell')} ended with an infrastructure error`]
			: []),
		...(ran.cells.pass + ran.cells.xfail + ran.cells.fail + ran.cells.xpass === 0 ? ['no cell ran'] : []),
	];
	const doubts = [
		...(exposed > 0
			? [
					`${counted(exposed, 'cell')} ${exposed === 1 ? 'shows' : 'show'} a known finding in QEMU, which this series does not change`,
				]
			: []),
		...(flaky > 0 ? [`${counted(flaky, 'cell')} ${flaky === 1 ? 'is' : 'are'} flaky`] : []),
		...(stopped > 0 ? [`${counted(stopped, 'cell')} no longer ${stopped === 1 ? 'runs' : 'run'}`] : []),
		...(unexpected > 0 ? [`${counted(unexpected, 'cell')} passed although a finding was expected`] : []),
	];
	const judged = { schema: 'vpmu-series/1' as const, ...evidence, findings, tried: ran };
	if (worse.length > 0) return { ...judged, passes: false, exit: 1, why: [...worse, ...unknown, ...doubts] };
	if (unknown.length > 0) return { ...judged, passes: null, exit: 69, why: [...unknown, ...doubts] };
	const fair =
		sameFailing > 0
			? [`${counted(sameFailing, 'cell')} ${sameFailing === 1 ? 'fails' : 'fail'} without the series too`]
			: [];
	return { ...judged, passes: true, exit: 0, why: ['nothing got worse', ...fair, ...doubts] };
}

/** Whether everything tested passed: only then is a `Tested-by:` offered. */
export function everythingPassed({ passes, comparison, tried, findings }: SeriesVerdict): boolean {
	const { counts, sameFailing } = comparison;
	const { fail, xfail, error, pass } = tried.cells;
	const clean = fail + xfail + error + sameFailing + counts.flaky + counts.undecided + counts.stopped === 0;
	return passes === true && clean && pass > 0 && findings.every(one => one.state !== 'shows' && one.state !== 'gone');
}

function findingsOf(results: Results, known: SeriesEvidence['known'], version: number): SeriesFinding[] {
	const named = results.cells.flatMap(cell => {
		const finding = cell.status === 'xfail' || cell.status === 'xpass' ? findingIn(cell.reason) : undefined;
		return finding === undefined ? [] : [{ finding, cell }];
	});
	const byFinding = Map.groupBy(named, one => one.finding);
	const all = [...new Set([...Object.keys(known?.findings ?? {}), ...byFinding.keys()])];
	return all.sort(byNumber).map(finding => {
		const cells = byFinding.get(finding) ?? [];
		const shown = cells.filter(({ cell }) => cell.status === 'xfail');
		const isKnown = known !== null && Object.hasOwn(known.findings, finding);
		const state =
			cells.length === 0
				? 'not-tried'
				: shown.length > 0
					? 'shows'
					: isKnown && known.version < version
						? 'fixed'
						: 'gone';
		return {
			...{ finding, state, cells: (shown.length > 0 ? shown : cells).map(({ cell }) => cell.id) },
			text: isKnown ? known.findings[finding]! : sentenceOf(cells[0]!.cell.reason ?? ''),
			...(isKnown ? { seenIn: known.version } : {}),
		};
	});
}

/** Cells that are `xpass` because this version fixes an earlier one's finding, which is not a failure of the series. */
const fixedCells = (findings: readonly SeriesFinding[]) =>
	findings.filter(one => one.state === 'fixed').reduce((total, one) => total + one.cells.length, 0);

const sentenceOf = (reason: string) => reason.replace(/^.*?\bfinding [A-Z]\d{1,3}:? ?/, '').slice(0, 300);

const byNumber = (a: string, b: string) => a.charCodeAt(0) - b.charCodeAt(0) || Number(a.slice(1)) - Number(b.slice(1));

/** Counts what ran with the series, by how real its host was. */
export function triedIn({ cells, summary }: Results): Tried {
	const ran = cells.filter(cell => cell.status !== 'skip' && cell.status !== 'error');
	const simulated = Map.groupBy(
		ran.flatMap(cell => cell.simulated),
		name => name,
	);
	const onBoard = (cell: CellResult) => cell.on.topology !== null || (cell.on.host ?? '').startsWith('board:');
	const kvm = ran.filter(cell => cell.accel === 'kvm');
	return {
		cells: summary,
		real: kvm.filter(cell => !onBoard(cell)).length,
		board: kvm.filter(onBoard).length,
		tcg: ran.length - kvm.length,
		simulated: Object.fromEntries([...simulated].map(([name, all]) => [name, all.length])),
		hosts: [...new Set(ran.map(cell => cell.on.host ?? 'unknown'))],
	};
}
