import { type Counting, countingOn, type Prediction, parseCpuList } from '../../../src/pmu/index.ts';

/** What decides where a guest is started. */
export interface StayOptions {
	/** Host CPUs (list format) that the case binds QEMU to. */
	readonly affinity?: string | undefined;
	/** Host CPUs that the case is about, if not all of them. */
	readonly requiredCpus?: string | undefined;
	/** Groups of host CPUs with the same PMUs, the preferred one first. */
	readonly groups: readonly string[];
	/** Whether the case means nothing unless the guest's cycles count. */
	readonly needsCounting?: boolean | undefined;
	readonly predict: (affinity: string | undefined) => Prediction;
}

/** Where to start a guest, or why the cell means nothing on this host. */
export type Stay =
	| { readonly affinity: string | undefined; readonly requiredCpus: string | undefined }
	| { readonly lacks: string };

/**
 * Decides where a guest is started, so that it is known what its counters must do wherever it can run. A case that names no host
 * CPUs gets a group of them if the CPUs differ: KVM's default depends on where the first vCPU is made, and a vCPU that moves
 * between different CPUs shows nothing about either. Prefers a group on which cycles count. Pure.
 */
export function stayOf({ affinity, requiredCpus, groups, needsCounting = false, predict }: StayOptions): Stay {
	const asGiven = predict(affinity);
	// Nothing is counted in a guest that is refused.
	if (asGiven.backend === 'error') return { affinity, requiredCpus };
	const cpus = requiredCpus ?? affinity;
	if (affinity !== undefined || isAlike(asGiven)) {
		const all = Object.entries(asGiven.counting).filter(([cpu]) => isWithin(Number(cpu), requiredCpus));
		const unknown = all.find(([, counting]) => typeof counting !== 'string');
		if (unknown !== undefined) return { lacks: lacksPrediction(...unknown) };
		const here = cpus === undefined ? all[0]?.[1] : countingOn(asGiven, cpus);
		return needsCounting && here !== 'counts'
			? { lacks: lacksCounting(cpus, here, asGiven) }
			: { affinity, requiredCpus };
	}
	const stays = (requiredCpus === undefined ? groups : [requiredCpus]).map(group => {
		const prediction = predict(group);
		return { group, prediction, counting: countingOn(prediction, group) };
	});
	const known = stays.find(one => one.counting === 'counts') ?? stays.find(one => one.counting === 'stops');
	if (known === undefined) {
		const [first] = stays;
		return { lacks: lacksPrediction(first?.group ?? 'of this host', first?.counting) };
	}
	const { group, counting, prediction } = known;
	if (needsCounting && counting !== 'counts') return { lacks: lacksCounting(group, counting, prediction) };
	return { affinity: group, requiredCpus: group };
}

/** Whether it makes no difference on which host CPU the guest runs. */
const isAlike = ({ counting }: Prediction) => new Set(Object.values(counting)).size === 1;

const isWithin = (cpu: number, cpus: string | undefined) => cpus === undefined || parseCpuList(cpus).has(cpu);

function lacksPrediction(cpus: string, counting: Counting | undefined): string {
	const why = typeof counting === 'object' ? counting.unknown : 'nothing is known of it';
	return `needs a prediction of what the guest counts on host CPU ${cpus}: ${why}`;
}

function lacksCounting(cpus: string | undefined, counting: Counting | undefined, { rule }: Prediction): string {
	const found =
		counting === 'no-pmu'
			? `this one gets no PMU (${rule})`
			: `its counters ${counting === 'stops' ? 'stop' : 'do not count'} on host CPU ${cpus ?? 'of each kind'}`;
	return `needs a guest that counts cycles; ${found}`;
}
