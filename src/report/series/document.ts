import { type ChangeGroup, stableIdOf } from '../../compare/index.ts';
import { counted } from '../../lib/text/counted.ts';
import {
	briefly,
	groupItem,
	headline,
	isUrgent,
	linesForUrgent,
	measurementItems,
	restOf,
} from '../comparison/document.ts';
import type { Block, ListItem, ReportDocument } from '../document/blocks.ts';
import { repeatCommand } from './repeat.ts';
import {
	type Claim,
	everythingPassed,
	type KernelAnswers,
	type KernelTrial,
	type SeriesFinding,
	type SeriesVerdict,
	type Tried,
} from './verdict.ts';

export interface SeriesReportOptions {
	/** List every cell, claim and note; otherwise the report fits a screen. */
	readonly isVerbose?: boolean;
}

/** Number of regressions shown without `--verbose` that need no guest: one lost line of code may lose 40 compat properties. */
const mostBuildFindings = 3;

/** Number of changes shown without `--verbose`, besides regressions. */
const mostGroups = 4;

/** Makes a report of a verdict on a series: regressions and findings first, each with the command that shows it. */
export function seriesDocument(
	verdict: SeriesVerdict,
	{ isVerbose = false }: SeriesReportOptions = {},
): ReportDocument {
	const { series, comparison, builds, before, source, out, claims, tried, kernel, tree } = verdict;
	const shown = isVerbose ? comparison.groups : briefly(comparison.groups, mostGroups);
	const hidden = comparison.groups.filter(group => !shown.includes(group));
	const urgent = shown.filter(isUrgent);
	const lines = linesForUrgent(urgent.length);
	const trouble: ListItem[] = [
		...kernelItems(verdict, isVerbose),
		...buildItems(verdict, isVerbose),
		...urgent.map(group =>
			groupItem(group, { isVerbose, folder: `${out}/after`, command: repeatCommand(verdict, group), lines }),
		),
	];
	return {
		title: `${series.map(nameOf).join(' and ')}: ${verdictWords(verdict)}`,
		blocks: [
			{
				kind: 'table',
				head: ['', ''],
				rows: [
					...series.map(one => [
						'applied',
						`${appliedText(one, isVerbose)}; to ${one.to ?? `QEMU ${before.version} of ${source}`}`,
					]),
					...kernelRows(kernel),
					['tried', triedText(tried, isVerbose)],
					// What is wrong with them is listed below.
					...((builds?.holds === false && !isVerbose) || tree === 'linux' ? [] : [['builds', buildsText(builds)]]),
				],
			},
			...list(trouble),
			...list(findingItems(untold(verdict.findings, urgent), series.at(-1)?.version ?? 1, isVerbose)),
			{ kind: 'text', text: `Cells: ${headline(comparison)}.` },
			...list(shown.filter(group => !isUrgent(group)).map(group => groupItem(group, { isVerbose }))),
			...(hidden.length === 0 ? [] : [restOf(hidden)]),
			...list(isVerbose ? measurementItems(comparison.measurements, { isVerbose }) : []),
			...(tree === 'linux' ? [] : claimBlocks(claims, isVerbose)),
			...list([...comparison.notes, ...series.flatMap(one => one.notes)].map(text => ({ tag: 'note', text }))),
			...testedBy(verdict),
		],
	};
}

const list = (items: readonly ListItem[]): Block[] => (items.length === 0 ? [] : [{ kind: 'list', items }]);

const nameOf = ({ title, version }: SeriesVerdict['series'][number]) =>
	`${title}${version === 1 ? '' : ` v${version}`}`;

function verdictWords({ passes, why }: SeriesVerdict): string {
	const said = passes === true ? 'passes' : passes === false ? 'does not pass' : 'has no verdict';
	return `${said}: ${why.join('; ')}`;
}

function appliedText(
	{ patches, author, baseCommit, changeId }: SeriesVerdict['series'][number],
	isVerbose: boolean,
): string {
	const authors = [...new Set(patches.map(patch => patch.author))];
	const by = author === '' ? authors.join(', ') : author;
	return [
		`${counted(patches.length, 'patch', 'patches')}${by === '' ? '' : ` by ${by}`}`,
		...(baseCommit === undefined ? [] : [`base-commit ${baseCommit.slice(0, 12)}`]),
		...(changeId === undefined || !isVerbose ? [] : [`change-id ${changeId}`]),
	].join('; ');
}

const buildsText = (builds: SeriesVerdict['builds']) =>
	builds === null
		? 'not asked without a guest'
		: `machine types keep their PMU: ${holdsText(builds.holds)} (${builds.reason})`;

const holdsText = (holds: boolean | null) => (holds === null ? 'not decided' : holds ? 'yes' : 'NO');

/** Describes what ran, and how real it was. */
export function triedText({ cells, real, board, tcg, simulated, hosts }: Tried, isVerbose = true): string {
	const ran = real + board + tcg;
	const [own, boards] = [
		hosts.filter(host => !host.startsWith('board:')),
		hosts.filter(host => host.startsWith('board:')),
	];
	const named =
		boards.length > 3
			? `${boards.length} emulated hosts`
			: `an emulated host (${boards.map(host => host.slice(6)).join(', ')})`;
	const how = [
		...(real === 0 ? [] : [`${real} with KVM on ${own.join(', ')}`]),
		...(board === 0 ? [] : [`${board} with real KVM on ${named}`]),
		...(tcg === 0 ? [] : [`${tcg} under TCG without KVM`]),
	];
	const names = Object.entries(simulated);
	const total = names.reduce((sum, [, count]) => sum + count, 0);
	const told = isVerbose ? names.map(([name, count]) => `${name} in ${count}`).join(', ') : `a capability in ${total}`;
	const faked = names.length === 0 ? '; nothing simulated' : `; simulated: ${told}`;
	const skipped = cells.skip === 0 ? '' : `; ${cells.skip} skipped`;
	return ran === 0 ? `no cell${skipped}` : `${counted(ran, 'cell')}: ${how.join(', ')}${faked}${skipped}`;
}

/** Whose kernel it is, as it stands in a sentence. */
export const kernelWords: Readonly<Record<KernelTrial['as'], string>> = {
	board: 'the board',
	guest: 'the guests',
	both: 'the board and the guests',
};

function kernelRows(kernel: KernelTrial | undefined): string[][] {
	if (kernel === undefined) return [];
	const { as, after, answers } = kernel;
	const rows = [['kernel', `Linux ${after.version} before and after, as the kernel of ${kernelWords[as]}`]];
	return answers === null ? rows : [...rows, ['KVM', answersText(answers)]];
}

function answersText({ worse, changed, unasked }: KernelAnswers): string {
	if (unasked !== null) return `not compared without cells: ${unasked}`;
	if (worse.length + changed.length === 0) return 'answers as before, asked without cells';
	const differ = `${counted(changed.length, 'answer')} ${changed.length === 1 ? 'differs' : 'differ'} from before`;
	return `asked without cells: ${differ}${worse.length === 0 ? ', none against its source' : ''}`;
}

/** Lists KVM's new answers that deviate from its source, and with `isVerbose` those that only changed. */
function kernelItems(verdict: SeriesVerdict, isVerbose: boolean): ListItem[] {
	const { worse, changed } = verdict.kernel?.answers ?? { worse: [], changed: [] };
	const isWorse = (line: string) => worse.some(id => line.startsWith(`${id}: `));
	const wrong = [
		...changed.filter(isWorse),
		...worse.filter(id => !changed.some(line => line.startsWith(`${id}: `))).map(id => textsWithoutAnswer[id] ?? id),
	];
	const told = isVerbose ? wrong : wrong.slice(0, mostBuildFindings);
	const rest = wrong.length - told.length;
	const command = repeatCommand(verdict, 'kvm');
	const items = told.map((line, at): ListItem => {
		const isLast = at === told.length - 1;
		return {
			tag: 'regression',
			text: `KVM does not answer as its source says: ${line}${isLast && rest > 0 ? `; and ${rest} more like this` : ''}`,
			...(isLast && command !== undefined ? { command } : {}),
		};
	});
	const others = isVerbose ? changed.filter(line => !isWorse(line)) : [];
	return [...items, ...others.map(text => ({ tag: 'difference', text: `KVM answers differently: ${text}` }))];
}

/** Texts for deviations of a kernel that no changed answer shows, by the id of the deviation. */
const textsWithoutAnswer: Readonly<Record<string, string>> = {
	'kernel-log': 'the kernel logged trouble while it was asked',
};

function buildItems(verdict: SeriesVerdict, isVerbose: boolean): ListItem[] {
	const { findings = [], breaking = [] } = verdict.builds ?? {};
	const wrong = findings.filter(one => one.severity === 'regression');
	const told = isVerbose ? wrong : wrong.slice(0, mostBuildFindings);
	const rest = wrong.length - told.length;
	// One command shows them all.
	const command = repeatCommand(verdict, 'builds');
	const others = isVerbose ? findings.filter(one => one.severity === 'difference') : [];
	return [
		...told.map(({ text }, at) => ({
			tag: 'regression',
			text: rest > 0 && at === told.length - 1 ? `${text}; and ${rest} more like these` : text,
			...(at === told.length - 1 ? { command } : {}),
		})),
		...breaking.map(text => ({ tag: 'QMP breaks', text, ...(isVerbose ? {} : { lines: 1 }) })),
		...others.map(({ text }) => ({ tag: 'difference', text })),
	];
}

/** Findings that no change above mentions. */
function untold(findings: readonly SeriesFinding[], urgent: readonly ChangeGroup[]): SeriesFinding[] {
	return findings.filter(one => one.state !== 'shows' || urgent.every(group => group.finding !== one.finding));
}

function findingItems(findings: readonly SeriesFinding[], version: number, isVerbose: boolean): ListItem[] {
	const told = findings.filter(one => one.state !== 'not-tried');
	const untried = findings.filter(one => one.state === 'not-tried');
	const items = told.map(({ finding, text, state, seenIn, cells }): ListItem => {
		const since =
			seenIn === undefined ? '' : seenIn === version ? ', as known of this version' : `, known since v${seenIn}`;
		const said = {
			shows: `still shows in ${counted(cells.length, 'cell')}${since}`,
			fixed: `fixed by v${version}: seen in v${seenIn}, gone in ${counted(cells.length, 'cell')}`,
			gone: `did not show in ${counted(cells.length, 'cell')}, though ${seenIn === version ? 'it was seen with this version' : 'it was expected'}`,
			'not-tried': '',
		}[state];
		return {
			tag: state === 'fixed' ? `fixed ${finding}` : `finding ${finding}`,
			text: `${said}: ${text}`,
			...(isVerbose ? { more: cells.map(stableIdOf) } : {}),
		};
	});
	if (untried.length === 0) return items;
	const names = untried.map(one => one.finding).join(', ');
	return [
		...items,
		{
			tag: 'not tried',
			text: `${names}, ${untried.length === 1 ? 'a finding' : 'findings'} of v${untried[0]!.seenIn}`,
		},
	];
}

/** The report's word for the state of a claim. */
const claimWords = { holds: 'borne out', fails: 'in doubt', 'not-tried': 'not tried' } as const;

function claimBlocks(claims: readonly Claim[], isVerbose: boolean): Block[] {
	if (claims.length === 0) return [{ kind: 'text', text: 'Claims: the series makes none that a case is about.' }];
	const of = (state: Claim['state']) => claims.filter(claim => claim.state === state);
	const [holds, fails, untried] = [of('holds'), of('fails'), of('not-tried')];
	const cells = (claim: Claim) => `(${claim.where}; ${counted(claim.cells.length, 'cell')})`;
	const summary = `Claims: of ${counted(claims.length, 'sentence')} that a case is about, ${holds.length} borne out, ${fails.length} in doubt, ${untried.length} not tried${isVerbose ? '' : ' (--verbose)'}.`;
	const item = (claim: Claim): ListItem => ({
		tag: claimWords[claim.state],
		text: `"${claim.text}" ${cells(claim)}`,
		...(claim.against.length > 0
			? { detail: `cells that fail: ${claim.against.slice(0, 20).map(stableIdOf).join(', ')}` }
			: {}),
		...(isVerbose ? {} : { lines: 1 }),
		...(isVerbose && claim.cells.length > 0 ? { more: claim.cells.map(stableIdOf) } : {}),
	});
	return [{ kind: 'text', text: summary }, ...list((isVerbose ? [...fails, ...holds, ...untried] : []).map(item))];
}

function testedBy(verdict: SeriesVerdict): Block[] {
	if (!everythingPassed(verdict)) return [];
	const { tester = 'NAME <ADDRESS>', vpmu, tried } = verdict;
	return [
		{
			kind: 'text',
			text: `Everything that was tried passed. With vpmu ${vpmu}, ${counted(tried.cells.pass, 'cell')}:`,
		},
		{ kind: 'lines', lines: [`Tested-by: ${tester}`] },
	];
}
