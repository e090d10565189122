import type { CpuSet } from '../cpu-list.ts';
import { type HostModel, type MeasuredDefault, startCpus } from '../model/host-model.ts';
import { kernelHas, whyNotKnown } from '../model/kernel.ts';
import { type CpuPmu, coveredBy } from '../model/sources.ts';

/** An event source that KVM takes by default. One that is known only from a measurement has no name. */
export interface Candidate {
	readonly type?: number;
	readonly name?: string;
	/** Host CPUs on which it counts. */
	readonly cpus: CpuSet;
}

/** The event sources that KVM may take if userspace does not select one. */
export interface KvmDefault {
	/** The possible event sources; exactly one if it is determined. */
	readonly candidates: readonly Candidate[];
	/** Why there is more than one candidate, as the end of a sentence. */
	readonly undetermined: string;
	/** Whether a vCPU with a PMU cannot be made on any CPU on which QEMU may start. */
	readonly initFails: boolean;
	/** Whether it cannot be made on some of them, so that the result depends on the CPU on which QEMU happens to start. */
	readonly initMayFail: boolean;
	readonly because: readonly string[];
}

/**
 * Which event source KVM takes, by kernel version. It does not restrict where vCPUs run: on CPUs that it does not cover, the
 * guest's counters stop.
 *
 * - `by-cpu`, since Linux 6.4 (commit 1c913a1c35aa, "Iterate arm_pmus list to probe for default PMU"): the first
 *   registered one that covers the CPU on which the first vCPU is made.
 * - `first`, since Linux 5.5 (commit 66d258c5b048, "Optimize perf_init_event()"): the first registered one, since perf
 *   appends PMUs to the list in which it looks for one that takes KVM's raw event.
 * - `last`, before: perf put PMUs at the head of that list.
 */
type Rule = 'by-cpu' | 'first' | 'last' | 'unknown';

/** The newest Linux version that the rules were checked against. */
const newestChecked = [7, 3] as const;

/** Determines KVM's default event source: from the probe's measurement, else from the kernel's release if possible. */
export function kvmDefault(host: HostModel, affinity: string | undefined): KvmDefault {
	const { pmus, initCpus } = host;
	const start = startCpus(host, affinity);
	const rule = ruleOf(host);
	const measured = measuredStarts(host, start);
	// If no vCPU can be made, there is nothing to choose.
	const able = initCpus ?? ableByRule(host, rule, start);
	const left = measured.reduce((cpus, one) => cpus.minus(one.start), start.and(able));
	const because: string[] = [];
	const candidates: Candidate[] = [];
	for (const { start: cpus, measurement } of measured) {
		const found = consistentWith(host, measurement, rule);
		candidates.push(...found);
		because.push(
			`measured: a vCPU made on CPU ${cpus} counts on CPU ${measurement.counted}${measurement.stopped.size === 0 ? '' : ` and not on CPU ${measurement.stopped}`}, so KVM takes ${named(found)}`,
		);
	}
	if (left.size > 0 || start.size === 0) {
		const found = byRule(pmus, rule, left);
		candidates.push(...found);
		because.push(...sentencesOf(host, rule, left, found));
	}
	const unable = start.minus(able);
	if (unable.size > 0) because.push(`on CPU ${unable} no vCPU with a PMU can be made`);
	return {
		candidates: [...new Set(candidates)],
		undetermined:
			rule === 'unknown' && left.size > 0
				? `which event source KVM takes by default is ${whyNotKnown(host.kernel)}`
				: 'it depends on which CPU the first vCPU is made on',
		initFails: start.size > 0 && able.and(start).size === 0,
		initMayFail: !able.covers(start),
		because,
	};
}

function ruleOf({ kernel }: HostModel): Rule {
	const byCpu = kernelHas(kernel, 6, 4);
	if (byCpu !== false) return byCpu === true ? 'by-cpu' : 'unknown';
	return kernelHas(kernel, 5, 5) === true ? 'first' : 'last';
}

/** Returns the event sources that a rule can select when the first vCPU is made on one of these CPUs. */
function byRule(pmus: readonly CpuPmu[], rule: Rule, start: CpuSet): readonly CpuPmu[] {
	if (rule === 'unknown') return pmus;
	if (rule === 'first') return pmus.slice(0, 1);
	if (rule === 'last') return pmus.slice(-1);
	// The first registered source takes its CPUs, the next one those that remain.
	let left = start;
	return pmus.filter(pmu => {
		const here = left.and(pmu.cpus).size > 0;
		left = left.minus(pmu.cpus);
		return here;
	});
}

/**
 * Whether the kernel's rule determines where a vCPU with a PMU can be made; otherwise it is assumed to be possible everywhere.
 */
function ableByRule({ pmus }: HostModel, rule: Rule, start: CpuSet): CpuSet {
	return rule === 'by-cpu' && pmus.length > 0 ? coveredBy(pmus) : start;
}

function sentencesOf({ kernel, facts }: HostModel, rule: Rule, start: CpuSet, found: readonly CpuPmu[]): string[] {
	const notMeasured =
		facts.kvm.defaultCounts === undefined
			? 'it was not measured'
			: 'unknown' in facts.kvm.defaultCounts
				? `it was not measured: ${facts.kvm.defaultCounts.unknown}`
				: 'it was not measured for these CPUs';
	if (rule === 'unknown') {
		return [`which event source KVM takes by default is ${whyNotKnown(kernel)}, and ${notMeasured}: ${named(found)}`];
	}
	const [major, minor] = kernel.version ?? newestChecked;
	const newer = major > newestChecked[0] || (major === newestChecked[0] && minor > newestChecked[1]);
	const basis = `going by its release number${newer ? `, which is newer than ${newestChecked.join('.')}, the newest that this was checked against` : ''}; ${notMeasured}`;
	const which = {
		'by-cpu': `the event source of the CPU that the first vCPU is made on, which is ${start.size === 0 ? 'not known' : `one of ${start}`}`,
		first: 'the event source that was registered first',
		last: 'the event source that was registered last, as before 5.5',
	}[rule];
	return [`Linux ${kernel.text} takes ${which}: ${named(found)} (${basis})`];
}

/** Returns CPUs of `start` with the measurements of vCPUs made there. A measurement in which nothing counted is ignored. */
function measuredStarts({ defaults }: HostModel, start: CpuSet) {
	return defaults
		.map(measurement => ({ start: start.and(measurement.madeOn), measurement }))
		.filter(one => one.start.size > 0 && one.measurement.counted.size > 0);
}

/** Returns the event source that covers the CPUs on which counting was measured. If several do, the kernel's rule decides. */
function consistentWith(host: HostModel, measurement: MeasuredDefault, rule: Rule): readonly Candidate[] {
	const { counted, stopped, madeOn } = measurement;
	const consistent = host.pmus.filter(pmu => pmu.cpus.covers(counted) && pmu.cpus.and(stopped).size === 0);
	if (consistent.length > 0) return byRule(consistent, rule === 'by-cpu' ? 'first' : rule, madeOn);
	// A measurement on one CPU holds for all CPUs with the same event sources.
	const cpus = host.groups
		.filter(group => group.cpus.and(counted).size > 0)
		.reduce((all, group) => all.or(group.cpus), counted);
	return [{ cpus: cpus.minus(stopped) }];
}

function named(sources: readonly Candidate[]): string {
	if (sources.length === 0) return 'none, since there is none';
	return sources
		.map(({ name, type, cpus }) =>
			name === undefined ? `one that sysfs does not show, which counts on CPU ${cpus}` : `${name} (type ${type})`,
		)
		.join(' or ');
}
