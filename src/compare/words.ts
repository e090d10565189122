import type { BackendView, CellStatus } from '../run/results.ts';

/** How a cell changed from one side to the other. The most urgent first: reports list them in this order. */
export const changeKinds = [
	'regression',
	'failure',
	'finding',
	'exposed',
	'undecided',
	'flaky',
	'fix',
	'backend',
	'prediction',
	'runs',
	'stopped',
	'new',
	'gone',
	'rule',
] as const;

export type ChangeKind = (typeof changeKinds)[number];

/** What each kind means, to stand behind a number of cells. */
export const kindTitles: Readonly<Record<ChangeKind, string>> = {
	regression: 'got worse',
	failure: 'fail, and had no verdict before',
	finding: 'show a known finding',
	exposed: 'show a known finding in QEMU, which is the same on both sides',
	undecided: 'lost their verdict to the infrastructure or an interrupt',
	flaky: 'flaky: the status differs between attempts',
	fix: 'got better',
	backend: 'observe another backend than before, which was not predicted',
	prediction: 'predict another backend than before',
	runs: 'run now and pass; skipped before',
	stopped: 'skipped now; had a verdict before',
	new: 'only in the run after',
	gone: 'only in the run before',
	rule: 'keep their backend, by another rule',
};

/** What the rules of the prediction say (`choiceRules` in src/pmu), as a reason. */
const ruleWords: Readonly<Record<string, string>> = {
	'covers-all': 'it covers all host CPUs',
	'covers-all-default': "one event source covers all host CPUs, and KVM's default takes it",
	'no-cover': 'nothing covers all host CPUs',
	'fixed-counters-only': 'nothing covers all host CPUs, and KVM has fixed counters',
	backcompat: 'set by the machine type or backcompat-pmu=on',
	explicit: 'the user named it',
	'explicit-refused': 'the user named an event source that QEMU must refuse',
	'explicit-unused': 'the user named it, though the guest gets no PMU',
	'out-of-range': 'pmu= is out of range',
	'bad-option': 'the option is refused',
	'kvm-default': 'this QEMU does not have the PMU choice',
	'no-kvm-pmu': 'KVM has no PMU here',
	'no-scratch-vcpu': 'KVM cannot make a vCPU with a PMU on the CPU on which QEMU starts',
};

/** The reason that a rule of the prediction is; a rule without words by its name. */
export const ruleText = (rule: string) =>
	(Object.hasOwn(ruleWords, rule) ? ruleWords[rule] : undefined) ?? `rule ${rule}`;

/**
 * A backend in words. An event source is told by its name: its type is given again at each boot of a host.
 *
 * @param isNamed whether to name the event source, which means nothing from one host to another
 */
export function backendText(view: BackendView | null, isNamed = true): string {
	if (view === null) return 'unknown';
	if (view.backend === 'unknown') return 'not visible';
	const named = isNamed && view.name !== undefined ? ` ${view.name}` : '';
	return `${view.backend === 'event-source' ? 'event source' : view.backend}${named}`;
}

/** The number of a known finding that a reason names, such as `F12`. */
export const findingIn = (reason: string | null) => /\bfinding ([A-Z]\d{1,3})\b/.exec(reason ?? '')?.[1];

/** From best to worst; the others say nothing of what is under test. */
const ranks: Readonly<Record<Exclude<CellStatus, 'skip' | 'error'>, number>> = { pass: 0, xpass: 0, xfail: 1, fail: 2 };

export const rankOf = (status: CellStatus) => ranks[status as keyof typeof ranks];
