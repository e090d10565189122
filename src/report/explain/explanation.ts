import { identityOf, stableIdOf } from '../../compare/index.ts';
import { shorten } from '../../lib/text/foreign.ts';
import { stringifyJson } from '../../lib/text/json.ts';
import { quoteCommand } from '../../lib/text/quote.ts';
import { cellFolder } from '../../run/paths.ts';
import type { CellResult, KernelLog, Results } from '../../run/results.ts';
import { countsOf, viewOf } from '../words.ts';

/** The observation of one layer. */
export interface LayerView {
	/** `start`, `qmp`, `trace`, `guest`, `perf`, `guest-kernel`, `host-kernel` or `selftest`. */
	readonly layer: string;
	readonly seen: string;
	/** Whether it agrees with the prediction; `null` if the cell did not get to the comparison. */
	readonly agrees: boolean | null;
	/** What was expected, if it does not agree. */
	readonly expected: readonly string[];
}

/** One side of a disagreement. */
export interface Side {
	readonly who: string;
	readonly says: string;
}

/** Explains a cell's status in the order in which a person asks. Every report shows the same explanation. */
export interface Explanation {
	/** The status, whom it blames, and the reason in one line. */
	readonly summary: string;
	readonly predicted: { readonly what: string; readonly rule: string; readonly because: readonly string[] } | null;
	readonly layers: readonly LayerView[];
	/** Two layers that disagree; further pairs follow. Empty if nothing was compared. */
	readonly disagree: readonly (readonly [Side, Side])[];
	/** Lines of kernels, QEMU and perf that show it. */
	readonly evidence: readonly string[];
	/** The command that repeats the cell. */
	readonly repeat: string;
}

/** Whether a person must look at the cell. */
export function isWrong({ status }: Pick<CellResult, 'status'>): boolean {
	return status === 'fail' || status === 'xpass' || status === 'error';
}

/** Number of evidence lines shown; the cell's files have all. */
const mostEvidence = 12;

/** Explains a cell. Pure. @param folder the run folder as the reader can name it */
export function explanationOf(cell: CellResult, folder: string): Explanation {
	const { predicted, unmet = [] } = cell;
	// Repeated counts repeat the disagreement.
	const disagreements = [
		...new Map((cell.disagreements ?? []).map(one => [`${one.layer} ${one.expected} ${one.seen}`, one])).values(),
	];
	return {
		summary: summaryOf(cell),
		predicted:
			predicted === null
				? demandedOf(cell)
				: {
						what: `${viewOf(predicted)}${predicted.name === undefined ? '' : ` (${predicted.name})`}`,
						rule: predicted.rule,
						because: predicted.because ?? [],
					},
		layers: layersOf(cell),
		disagree: [
			...disagreements.map(
				({ layer, expected, seen }) => [side('prediction', expected), side(layer, partsOf(seen)[0]!)] as const,
			),
			...unmet.map(demand => [side('case', `a demand was not met: ${demand}`), side(...shownBy(cell))] as const),
		],
		evidence: evidenceOf(cell).slice(0, mostEvidence),
		repeat: quoteCommand(repeatWords(cell, folder)),
	};
}

/** What one of the kernel's own tests must show: it is the same on every host. */
function demandedOf({ selftest }: CellResult): Explanation['predicted'] {
	return selftest === undefined ? null : { what: `${selftest.name} to be ok`, rule: 'selftest', because: [] };
}

const side = (who: string, says: string): Side => ({ who, says });

function summaryOf(cell: CellResult): string {
	const { status, blame, reason } = cell;
	const whom = blame === null ? '' : `, blame ${blame}`;
	return `${status}${whom}${reason === null ? '' : `: ${reasonOf(cell)}`}`;
}

/** Longest reason that is looked at. */
const longest = 20_000;

/** Returns a text, and the lines of logs that were added to it (harness/protocol/outcome.ts). */
export const partsOf = (text: string) => text.slice(0, longest).split(' | ');

/**
 * Returns why a cell has its status, in one sentence. Lines of logs that the reason of a failure or error quotes are left
 * out: they are evidence. Empty without a reason.
 */
export function reasonOf(cell: Pick<CellResult, 'reason' | 'disagreements' | 'status'>): string {
	const { reason, disagreements = [] } = cell;
	if (!isWrong(cell)) return reason ?? '';
	const quoting = disagreements.slice(0, mostQuotes).filter(({ seen }) => seen.includes(' | '));
	const text = quoting.reduce((rest, { seen }) => rest.replace(seen, () => partsOf(seen)[0]!), reason ?? '');
	return partsOf(text)[0]!;
}

/** Disagreements whose quotes are looked for in a reason. */
const mostQuotes = 20;

/** The level of a kernel's line (Documentation/ABI/testing/dev-kmsg). */
const level = /^\s*<\d{1,3}>/;

/** Returns the lines of logs that a reason and its disagreements quote. */
function quotedIn({ reason, disagreements = [] }: CellResult): string[] {
	const quoting = disagreements.slice(0, mostQuotes).filter(({ seen }) => seen.includes(' | '));
	const rest = quoting.reduce((text, { seen }) => text.replace(seen, ''), reason ?? '');
	return [...quoting.map(({ seen }) => seen), rest].flatMap(text => partsOf(text).slice(1, 6));
}

/** Returns the observation of the layer with the counts, else of the last layer. */
function shownBy(cell: CellResult): readonly [string, string] {
	const layers = layersOf(cell).filter(({ seen }) => seen !== notAsked);
	const shown = layers.find(({ layer }) => layer === 'perf') ?? layers.at(-1);
	return shown === undefined ? ['layers', 'none was asked'] : [shown.layer, shown.seen];
}

const notAsked = 'not asked';

function layersOf(cell: CellResult): LayerView[] {
	const { observed, disagreements = [], unmet = [], logs, timings, perf } = cell;
	// Results of earlier versions do not say what a failure disagreed with.
	const isCompared = observed !== null && (cell.status !== 'fail' || disagreements.length + unmet.length > 0);
	const layers = observed?.layers;
	const isOfQemu = cell.selftest === undefined;
	const isStarted = timings.greetingMs !== null;
	const seen: readonly (readonly [string, string])[] = [
		['start', observed?.backend === 'error' ? 'QEMU did not start' : isStarted ? 'QEMU started' : notAsked],
		['qmp', textOf(layers?.qmp)],
		['trace', textOf(layers?.trace)],
		['guest', textOf(layers?.guest)],
		['perf', perf.length === 0 ? notAsked : countsOf(cell)],
		['guest-kernel', kernelText(logs?.guest)],
		['host-kernel', kernelText(logs?.host)],
		['selftest', textOf(layers?.selftest)],
	];
	// Nothing is to be said of layers if the cell did not get to any.
	if (disagreements.length === 0 && seen.every(([, shown]) => shown === notAsked)) return [];
	return seen
		.map(([layer, seen]): LayerView => {
			const against = disagreements.filter(one => one.layer === layer);
			const agrees = seen === notAsked || !isCompared ? null : against.length === 0;
			const expected = [...new Set(against.map(one => one.expected))];
			return { layer, seen, agrees: against.length > 0 ? false : agrees, expected };
		})
		.filter(
			({ seen, agrees, layer }) =>
				seen !== notAsked || agrees === false || (isOfQemu && /^(qmp|trace|guest)$/.test(layer)),
		);
}

function textOf(layer: unknown): string {
	if (layer === null || layer === undefined) return notAsked;
	return shorten(typeof layer === 'string' ? layer : stringifyJson(layer));
}

function kernelText(log: KernelLog | null | undefined): string {
	if (log === null || log === undefined) return notAsked;
	if (log.reports.length > 0) return log.reports.map(({ name }) => name).join(', ');
	return log.unread === null ? 'no trouble' : `not read: ${log.unread}`;
}

function evidenceOf(cell: CellResult): string[] {
	const { logs, selftest } = cell;
	const ofKernel = (whose: string, log: KernelLog | null | undefined) =>
		(log?.reports ?? []).flatMap(({ lines }) =>
			lines.slice(0, 3).map(line => `${whose}: ${shorten(line.replace(level, ''), 300)}`),
		);
	const points = (selftest?.points ?? []).filter(({ state }) => state === 'not-ok');
	const found = [
		...points.slice(0, 5).map(({ text }) => `selftest: not ok ${shorten(text, 300)}`),
		...ofKernel('host kernel', logs?.host),
		...ofKernel('guest kernel', logs?.guest),
		...(logs?.guest?.lastLines ?? []).slice(-3).map(line => `console: ${shorten(line, 300)}`),
		...(logs?.qemu.stderr ?? []).slice(0, 3).map(line => `QEMU: ${shorten(line, 300)}`),
		...(logs?.qemu.events ?? []).slice(0, 3).map(event => `QMP: ${shorten(event, 300)}`),
	];
	// What is quoted was mostly read from these logs.
	const plain = (line: string) => line.replaceAll(/\s+/g, ' ').trim();
	const known = found.map(plain);
	const said = plain(reasonOf(cell));
	const quoted = quotedIn(cell).map(line => shorten(plain(line.replace(level, '')), 300));
	return [...found, ...[...new Set(quoted)].filter(line => [...known, said].every(one => !one.includes(line)))];
}

/** Returns the words of the command that runs a cell again: its own script if it got as far as having one. */
export function repeatWords(cell: CellResult, folder: string): readonly string[] {
	const own = `${cellFolder(cell.id)}/repro.sh`;
	if (Object.values(cell.artifacts).includes(own)) return ['sh', `${folder.replace(/\/+$/, '')}/${own}`];
	const { id, on, qemu, machine, accel } = cell;
	return [
		...['npx', 'vpmu', 'run', '--cell', id],
		...(accel === 'tcg' || on.host === null ? [] : ['--on', on.host]),
		...(qemu.path === null ? [] : ['--qemu', qemu.path]),
		...['--machine', machine],
	];
}

/** Options whose values the result of a cell does not have. */
const untold = /^--(?:cases|selftests|random|seed)(?:=|$)/;

/**
 * Returns the words of the command that runs a cell again for a reader who has neither the run folder nor its builds: a build
 * that is named by a path becomes `./NAME`. If the results do not have all that it takes, {@link repeatWords}.
 */
export function sharedWords(cell: CellResult, { argv, parts = [] }: Results['run'], folder: string): readonly string[] {
	const { id, on, qemu, kernels, accel, machine } = cell;
	const name = stableIdOf(id);
	// `pmu` of a result is what the host made of it, such as 10 of `#0`.
	const pmu = identityOf(cell).axes.find(axis => axis.startsWith('pmu='));
	const isWhole = ![argv, ...parts.map(part => part.argv)].flat().some(word => untold.test(word));
	const isElsewhere = !/[,=]\//.test(name) && cell.selftest === undefined;
	if (!isWhole || !isElsewhere || kernels === undefined || on.host === null || qemu.path === null) {
		return repeatWords(cell, folder);
	}
	const own = (source: string) => (source.startsWith('/') ? `./${source.split('/').at(-1)}` : source);
	// As harness/worker/repro.ts makes it.
	return [
		...['npx', 'vpmu', 'run', '--cell', name],
		...(accel === 'tcg' ? [] : ['--on', on.host]),
		...['--qemu', own(qemu.path), '--kernel', own(kernels.guest.source)],
		...(kernels.board === null ? [] : ['--board-kernel', own(kernels.board)]),
		...['--machine', machine, ...(pmu === undefined ? [] : ['--pmu', pmu.slice('pmu='.length)])],
	];
}
