import { kernelHas, kernelRelease } from '../model/kernel.ts';
import { errnoName } from '../probe/kvm-answers.ts';
import type { Answers } from './answers.ts';
import type { Expected, Need, Rule } from './rule.ts';
import { attributeRules } from './rules/attributes.ts';
import { fixedRules, runningRules } from './rules/running.ts';

/** Whether the kernel answered as its source says; `told`: no rule of this kernel's version; `not-asked`: the host lacks something. */
export type CheckStatus = 'as-ruled' | 'deviates' | 'told' | 'not-asked';
export const checkStatuses = ['as-ruled', 'deviates', 'told', 'not-asked'] as const satisfies readonly CheckStatus[];

/** One question to KVM with its rule and its answer. */
export interface Check {
	readonly id: string;
	readonly what: string;
	/** File and function of the kernel's source, and the version of Linux from which on the rule holds. */
	readonly where: string;
	readonly since: string;
	readonly expected: string;
	/** `null` if it was not asked. */
	readonly observed: string | null;
	readonly status: CheckStatus;
	/** Why it was not asked, or what is wrong beyond the answer. */
	readonly why: string | null;
}

/** What `vpmu probe --conformance` finds. */
export interface Conformance {
	readonly schema: 'vpmu-conformance/1';
	readonly host: string;
	readonly kernel: string;
	/** Which posted version of attribute 5 the kernel has the rules of. */
	readonly fixedCounters: 'none' | 'v7' | 'v8' | 'mixed';
	readonly checks: readonly Check[];
	/** What the host's kernel logged meanwhile that it should not, one line each; `null` if its log could not be read. */
	readonly kernelLog: readonly string[] | null;
	readonly deviations: number;
}

/** Every rule. */
export const conformanceRules: readonly Rule[] = [...runningRules, ...attributeRules, ...fixedRules];

/** Judges what KVM answered by the rules of the kernel's own version, and adds what the kernel's own tests said. */
export function judgeConformance(
	host: string,
	answers: Answers,
	kernelLog: readonly string[] | null,
	selftests: readonly Check[] = [],
): Conformance {
	const judged = conformanceRules.map(rule => judgeRule(rule, answers));
	const form = formOf(answers);
	const checks = [...judged, ...(form === 'mixed' ? [mixed(answers)] : []), ...selftests];
	const deviations = checks.filter(({ status }) => status === 'deviates').length + (kernelLog?.length ?? 0);
	return {
		schema: 'vpmu-conformance/1',
		host,
		kernel: answers.release,
		fixedCounters: form,
		checks,
		kernelLog,
		deviations,
	};
}

function judgeRule(rule: Rule, answers: Answers): Check {
	const { id, what, where, since } = rule;
	const common = { id, what, where, since: since.join('.'), expected: inWords(rule.expected) };
	const made = answers.values.get(firstCheck);
	if (made !== 0n && id !== firstCheck) {
		const why = `no vCPU with a PMU could be made (${firstCheck})`;
		return { ...common, observed: null, status: 'not-asked', why };
	}
	const missing = rule.needs.find(need => !has(answers, need));
	if (missing !== undefined) return { ...common, observed: null, status: 'not-asked', why: lacking[missing] };
	const failed = answers.failed.get(id);
	if (failed !== undefined) {
		const why = failed === 62n ? 'guest code did not end within 10 s' : 'guest code could not be run';
		return { ...common, observed: errnoName(String(failed)), status: 'deviates', why };
	}
	const value = answers.values.get(id);
	if (value === undefined) {
		return {
			...common,
			observed: null,
			status: 'deviates',
			why: 'what comes before it failed, so it could not be asked',
		};
	}
	const observed = shown(rule.expected, value);
	if (rule.expected.kind === 'told' || kernelHas(kernelRelease(answers.release), ...since) !== true) {
		return { ...common, observed, status: 'told', why: null };
	}
	const wrong = deviation(rule.expected, value, answers);
	return { ...common, observed, status: wrong === null ? 'as-ruled' : 'deviates', why: wrong || null };
}

/** Without a vCPU nothing else can be asked. */
const firstCheck = 'vcpu.init';

const lacking: Readonly<Record<Need, string>> = {
	'set-pmu': 'SET_PMU takes no event source of this host',
	'two-pmus': 'this host has no second PMU with CPUs of its own',
	'nr-counters': 'the kernel has no SET_NR_COUNTERS',
	fixed: 'the kernel has no attribute 5 for the fixed counters',
	strict: 'the kernel has no PMU_V3_STRICT',
	'event-counters': 'the PMU has no event counters',
	'own-interrupts': 'two event sources cover this CPU, and one of them loses interrupts',
	gic: 'KVM has no interrupt controller here',
};

function has(answers: Answers, need: Need): boolean {
	const { values, home, elsewhere, hasFixed } = answers;
	switch (need) {
		case 'set-pmu':
			return home !== undefined;
		case 'two-pmus':
			return elsewhere !== undefined;
		case 'nr-counters':
			return values.get('has.nr-counters') === 0n;
		case 'fixed':
			return hasFixed;
		case 'strict':
			// An unknown feature is ENOENT; one that is known is EINVAL alone.
			return values.get('strict.alone') === 22n;
		case 'event-counters':
			return (values.get('run.n') ?? 1n) > 0n;
		case 'own-interrupts':
			return !answers.isShared;
		case 'gic':
			return values.has('gic.init');
	}
}

function inWords(expected: Expected): string {
	switch (expected.kind) {
		case 'answer':
			return expected.names.join(' or ');
		case 'value':
			return String(expected.is);
		case 'counts':
			return 'more than 0';
		case 'holds':
			return 'yes';
		case 'events':
			return 'the events of the PMU';
		case 'told':
			return '-';
	}
}

function shown(expected: Expected, value: bigint): string {
	if (expected.kind === 'answer' || (expected.kind === 'told' && expected.isErrno)) return errnoName(String(value));
	if (expected.kind === 'holds') return value === 1n ? 'yes' : 'no';
	return expected.kind === 'events' ? `0x${value.toString(16)}` : String(value);
}

/** Returns what is wrong beyond what expected and observed say; `null` if nothing is. */
function deviation(expected: Expected, value: bigint, answers: Answers): string | null {
	switch (expected.kind) {
		case 'answer':
			return expected.names.includes(errnoName(String(value))) ? null : '';
		case 'value':
			return value === expected.is ? null : '';
		case 'counts':
			return value > 0n ? null : '';
		case 'holds':
			return value === 1n ? null : '';
		case 'events':
			return wrongEvents(value, answers);
		case 'told':
			return null;
	}
}

/** SW_INCR, which sysfs hides, and CHAIN, which KVM adds since 6.2. */
const [swIncr, chain] = [0x00, 0x1e];
/** Every PMUv3 has it. A PMU without it, such as Apple's, numbers its events otherwise, and KVM translates them. */
const cpuCycles = 0x11;

function wrongEvents(pmceid: bigint, { events }: Answers): string | null {
	if (!events.has(cpuCycles)) return null;
	const wrong = Array.from({ length: 32 }, (_, event) => event).filter(event => {
		const listed = ((pmceid >> BigInt(event)) & 1n) === 1n;
		return event !== swIncr && event !== chain && listed !== events.has(event);
	});
	if (wrong.length === 0) return null;
	const names = wrong.map(event => `0x${event.toString(16)} ${events.has(event) ? 'is missing' : 'is too many'}`);
	return `compared with the host's sysfs, event ${names.join(', ')}`;
}

const orders = ['fixed.then-set-pmu', 'fixed.after-set-pmu', 'fixed.then-filter'] as const;

/** Tells the posted versions apart: in v7 the last of SET_PMU and attribute 5 wins, in v8 the second is EBUSY. */
function formOf({ hasFixed, values }: Answers): Conformance['fixedCounters'] {
	if (!hasFixed) return 'none';
	const told = orders.map(id => values.get(id)).filter(value => value !== undefined);
	if (told.every(value => value === 0n)) return 'v7';
	return told.every(value => value === 16n) ? 'v8' : 'mixed';
}

function mixed({ values }: Answers): Check {
	return {
		...{ id: 'fixed.form', what: 'orders of attribute 5, SET_PMU and FILTER', since: '4.6' },
		where: 'arch/arm64/kvm/pmu-emul.c: a posted series, attribute 5',
		expected: 'all ok (v7) or all EBUSY (v8)',
		observed: orders.map(id => errnoName(String(values.get(id) ?? '-'))).join(', '),
		...{ status: 'deviates', why: 'neither the rules of v7 nor those of v8' },
	};
}
