import { isLost } from '../run/fold.ts';
import type { CellStatus } from '../run/results.ts';
import { isVerdict, type SideCell } from './side/side.ts';
import { backendText, type ChangeKind, findingIn, rankOf, ruleText } from './words.ts';

/** How one cell changed. */
export interface CellChange {
	/** As in the run after, or before where it is gone. */
	readonly id: string;
	readonly kind: ChangeKind;
	readonly before: CellStatus | null;
	readonly after: CellStatus | null;
	/** What differs, in words. */
	readonly what: string;
	/** What differs without what only this cell has: changes with the same one have one cause. */
	readonly why: string;
}

/** A cell of both sides. */
export interface CellPair {
	readonly before: SideCell;
	readonly after: SideCell;
	/** On different hosts, names and types of event sources, counts and times cannot be compared. */
	readonly isOtherHost: boolean;
}

/** What both sides have in common, such as QEMU if only the kernel differs. */
export interface Common {
	/**
	 * Whether a known finding, by its number such as `F4`, is about what both sides have in common: a cell that shows it only
	 * after has exposed it, not got worse. Default: none is.
	 */
	readonly isShared?: (finding: string) => boolean;
}

/** Says how a cell changed; `undefined` where nothing changed. Pure. */
export function changeOf(
	{ before, after, isOtherHost }: CellPair,
	{ isShared = () => false }: Common = {},
): CellChange | undefined {
	const base = { id: after.id, before: before.status, after: after.status };
	const changed = (kind: ChangeKind, what: string, why = groupingText(what)) => ({ ...base, kind, what, why });
	const reason = after.reason === null ? '' : `: ${after.reason}`;
	const became = `${before.status} became ${after.status}`;
	const finding = findingKind(after, isShared);

	if (before.isFlaky || after.isFlaky) {
		const same = !before.isFlaky && !isVerdict(after.status);
		if (!same) return changed('flaky', `before ${tallied(before)}; after ${tallied(after)}`, flakyText(before, after));
	}
	if (isVerdict(before.status) && isVerdict(after.status)) {
		const [was, is] = [rankOf(before.status), rankOf(after.status)];
		if (is > was && finding !== 'exposed') return changed('regression', `${became}${reason}`, whyOf(became, after));
		// A known finding explains a failure, which does not make it better.
		if (is !== was && after.status === 'xfail') return changed(finding, `${became}${reason}`, whyOf(became, after));
		if (is < was) return changed('fix', `${became}${afterFix(before)}`, whyOf(became, before));
		return changeOfBackend(before, after, isOtherHost, changed);
	}
	if (isVerdict(before.status)) {
		if (isLost(after)) return changed('undecided', `${became}${reason}`, whyOf(became, after));
		return changed('stopped', `${became}${reason}`, whyOf(became, after));
	}
	if (!isVerdict(after.status)) return undefined;
	const since = before.reason === null ? '' : `: ${withoutPaths(before.reason)}`;
	if (after.status === 'fail') return changed('failure', `${became}${reason}`, whyOf(became, after));
	if (after.status === 'xfail') return changed(finding, `${became}${reason}`, whyOf(became, after));
	const then = `${after.status} now; ${before.status === 'skip' ? 'skipped' : 'without a verdict'} before`;
	return changed('runs', `${then}${since}`, `${then}: ${groupingText(before.reason ?? 'no reason given')}`);
}

function changeOfBackend(
	before: SideCell,
	after: SideCell,
	isOtherHost: boolean,
	changed: (kind: ChangeKind, what: string, why?: string) => CellChange,
): CellChange | undefined {
	const [was, is] = [before, after].map(side => backendText(side.predicted, !isOtherHost)) as [string, string];
	const [had, has] = [before, after].map(side => backendText(side.observed, !isOtherHost)) as [string, string];
	const [oldRule, newRule] = [before.predicted?.rule, after.predicted?.rule];
	if (oldRule !== undefined && newRule !== undefined && (was !== is || oldRule !== newRule)) {
		const isSame = was === is && (before.observed === null || after.observed === null || had === has);
		const what = was === is ? `${is}, as before` : `${was} became ${is}`;
		const seen = before.status === 'pass' || had !== has || has === is ? '' : ` (observed: ${has}, as before)`;
		const rules = oldRule === newRule ? '' : ` (${oldRule} -> ${newRule})`;
		return changed(
			isSame ? 'rule' : 'prediction',
			`${what}: ${ruleText(newRule)}${rules}${seen}`,
			`${what}: ${ruleText(newRule)}${seen}`,
		);
	}
	if (before.observed === null || after.observed === null || had === has) return undefined;
	return changed('backend', `observed ${had} became ${has}`);
}

/** A cell that only one side has. */
export function loneChange(cell: SideCell, kind: 'new' | 'gone', { isShared = () => false }: Common = {}): CellChange {
	const base = { id: cell.id, before: kind === 'new' ? null : cell.status, after: kind === 'new' ? cell.status : null };
	const found = findingIn(cell.reason);
	if (kind === 'new' && cell.status === 'fail') {
		return {
			...base,
			kind: 'failure',
			what: `fails: ${cell.reason}`,
			why: `new and fails: ${groupingText(cell.reason ?? '')}`,
		};
	}
	if (kind === 'new' && cell.status === 'xfail') {
		return {
			...base,
			kind: findingKind(cell, isShared),
			what: `${cell.reason}`,
			why: `new: ${found ?? groupingText(cell.reason ?? '')}`,
		};
	}
	const what =
		kind === 'new' ? `not in the run before; ${cell.status} now` : `not in the run after; was ${cell.status}`;
	return { ...base, kind, what, why: what };
}

/** The kind of change if a cell shows a known finding. */
function findingKind({ status, reason }: SideCell, isShared: (finding: string) => boolean): 'finding' | 'exposed' {
	const found = status === 'xfail' ? findingIn(reason) : undefined;
	return found !== undefined && isShared(found) ? 'exposed' : 'finding';
}

/** A known finding is one cause, in whatever words its cells tell it. */
function whyOf(became: string, { reason }: SideCell): string {
	const found = findingIn(reason);
	return `${became}: ${found === undefined ? groupingText(reason ?? 'no reason given') : `finding ${found}`}`;
}

const afterFix = ({ reason }: SideCell) => (reason === null ? '' : `; before: ${reason}`);

function tallied({ statuses }: SideCell): string {
	const counts = Map.groupBy(statuses, status => status);
	return [...counts].map(([status, all]) => `${all.length} ${status}`).join(', ');
}

function flakyText(before: SideCell, after: SideCell): string {
	if (!before.isFlaky) return 'was stable before, and its status differs between attempts now';
	return after.isFlaky
		? 'its status differed between attempts, and still does'
		: 'its status differed between attempts before';
}

/** Programs by their names: which build it was stands above a comparison. */
const withoutPaths = (reason: string) =>
	reason.slice(0, 500).replaceAll(/(?<=^|[\s'])\/[^\s,;:']*\/(?=[^\s,;:'/])/g, '');

/** What differs from cell to cell for the same cause: numbers, addresses, paths, quoted names. */
export function groupingText(reason: string): string {
	return reason
		.slice(0, 300)
		.replaceAll(/0x[0-9a-f]+/gi, '0xN')
		.replaceAll(/'[^']*\/[^']*'|(?<=^|\s)(?:[\w.+-]+\/[\w.+-]+)?\/[^\s,;:]+/g, 'PATH')
		.replaceAll(/(?<![A-Za-z0-9_.-])\d+(?:\.\d+)*(?![A-Za-z0-9_])/g, 'N')
		.replaceAll(/\s+/g, ' ')
		.trim();
}
