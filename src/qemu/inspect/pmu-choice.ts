import { shorten } from '../../lib/text/foreign.ts';
import type { Answer, CompatProperty, MachineType, ObjectProperty, PmuChoiceEvidence } from './inspection.ts';
import { listMachines } from './machine-names.ts';

/** The trace event that the PMU choice adds. It is compiled in for every accelerator. */
export const pmuTraceEvent = 'kvm_arm_set_pmu';

/** Returns a boolean property's value according to a machine type's compat properties: the last one wins. */
export function compatBoolean(
	properties: readonly CompatProperty[],
	qomType: string,
	property: string,
): boolean | undefined {
	const last = properties.findLast(entry => entry.qomType === qomType && entry.property === property);
	return last === undefined ? undefined : /^(on|true|yes|y)$/i.test(last.value);
}

/** Describes an answer that gives no evidence. */
function silence(answer: Exclude<Answer<unknown>, { answer: unknown }>): string {
	if ('refused' in answer) return `${answer.refused.class}: ${answer.refused.desc}`;
	if ('unanswered' in answer) return answer.unanswered;
	const { exit, stderr } = answer.died;
	const how = exit.signal === null ? `ended with status ${exit.status}` : `was killed by ${exit.signal}`;
	return `QEMU ${how}${stderr.length === 0 ? '' : `: ${stderr.at(-1)}`}`;
}

/** First method: a build without the choice does not know its trace event. */
export function byTraceEvent(answer: Answer<unknown>): PmuChoiceEvidence {
	const found = { way: 'trace-event', question: `trace-event-get-state name=${pmuTraceEvent}` } as const;
	if ('answer' in answer) {
		return { ...found, answer: `the event is there: ${JSON.stringify(answer.answer)}`, has: true };
	}
	const has = 'refused' in answer && /unknown event/.test(answer.refused.desc) ? false : null;
	return { ...found, answer: silence(answer), has };
}

/** Second method: machine types older than the choice have a compat property that turns it off. */
export function byCompatProperties(machines: Answer<readonly MachineType[]>): PmuChoiceEvidence {
	const found = { way: 'compat-properties', question: 'query-machines compat-props=true' } as const;
	if (!('answer' in machines)) return { ...found, answer: silence(machines), has: null };
	const told = machines.answer.filter(machine => machine.compatProperties !== null);
	if (told.length === 0) {
		return { ...found, answer: 'this QEMU does not tell compat properties (QEMU 9.1 and newer do)', has: null };
	}
	const having = told.filter(machine => machine.backcompatPmu === true);
	if (having.length > 0) {
		const names = having.map(machine => machine.name);
		const all = told.map(machine => machine.name);
		return { ...found, answer: `backcompat-pmu is on in ${listMachines(names, all)}`, has: true };
	}
	return { ...found, answer: `none of ${told.length} machine types sets kvm-accel.backcompat-pmu`, has: false };
}

/**
 * Third method: the accelerator's own list of properties. This question kills a build with the choice in which KVM runs; its
 * last words then name the property.
 */
export function byAcceleratorProperties(answer: Answer<readonly ObjectProperty[]> | undefined): PmuChoiceEvidence {
	const found = { way: 'accelerator-properties', question: 'qom-list-properties typename=kvm-accel' } as const;
	if (answer === undefined) return { ...found, answer: 'this build has no kvm-accel', has: null };
	if ('answer' in answer) {
		const names = answer.answer.map(property => property.name);
		const has = names.includes('pmu');
		return { ...found, answer: `${has ? 'pmu is' : 'pmu is not'} among ${names.join(', ')}`, has };
	}
	const dyingWords = 'died' in answer && answer.died.stderr.some(line => /\bset pmu after KVM\b/.test(line));
	return { ...found, answer: silence(answer), has: dyingWords ? true : null };
}

/**
 * Fourth method: QEMU reads properties before it opens KVM, so its error for a wrong value shows whether it knows the
 * property.
 */
export function byCommandLine(stderr: readonly string[] | undefined): PmuChoiceEvidence {
	const found = { way: 'command-line', question: '-accel kvm,pmu=x' } as const;
	const line = stderr?.findLast(text => text.includes('-accel kvm,pmu=x'));
	if (line === undefined) return { ...found, answer: 'QEMU said nothing of it', has: null };
	const prefix = '-accel kvm,pmu=x: ';
	const at = line.indexOf(prefix);
	const said = shorten(at === -1 ? line : line.slice(at + prefix.length), 300);
	const property = said.indexOf('Property ');
	const isUnknown = property !== -1 && said.indexOf(' not found', said.indexOf('pmu', property)) > property;
	if (isUnknown && said.includes('pmu')) return { ...found, answer: said, has: false };
	if (said.includes("Parameter 'pmu' expects")) return { ...found, answer: said, has: true };
	return { ...found, answer: said, has: null };
}

/** Combines the evidence of all methods; `null` if there is none or the methods contradict each other. */
export function combineEvidence(evidence: readonly PmuChoiceEvidence[]): boolean | null {
	const said = new Set(evidence.map(({ has }) => has).filter(has => has !== null));
	return said.size === 1 ? [...said][0]! : null;
}
