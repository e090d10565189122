import { CpuSet } from '../cpu-list.ts';
import type { Answer, KvmFacts } from '../facts.ts';

/** Linux errno names by number, for the errors of opening /dev/kvm and of its ioctls. */
const errnoNames: Readonly<Record<string, string>> = {
	1: 'EPERM',
	2: 'ENOENT',
	4: 'EINTR',
	5: 'EIO',
	6: 'ENXIO',
	7: 'E2BIG',
	9: 'EBADF',
	11: 'EAGAIN',
	12: 'ENOMEM',
	13: 'EACCES',
	14: 'EFAULT',
	16: 'EBUSY',
	17: 'EEXIST',
	19: 'ENODEV',
	22: 'EINVAL',
	24: 'EMFILE',
	25: 'ENOTTY',
	28: 'ENOSPC',
	38: 'ENOSYS',
	62: 'ETIME',
	95: 'EOPNOTSUPP',
};

/** Returns an errno's name, `errno N` for one without a name here, `ok` for 0. */
export function errnoName(number: string): string {
	return number === '0' ? 'ok' : (errnoNames[number] ?? `errno ${number}`);
}

/** Parses the output of kvm-facts into the facts about KVM; or records why there is no output. */
export function kvmFacts(present: boolean, machine: string, lines: readonly string[]): KvmFacts {
	const answers = new Map(
		lines.map(line => line.split(' ')).map(words => [words.slice(0, -1).join(' '), words.at(-1)!]),
	);
	if (!present || !lines.includes('end')) return unasked(present, machine, lines);
	const opened = answers.get('open')!;
	if (opened !== '0')
		return { ...everything({ unknown: `/dev/kvm cannot be opened: ${errnoName(opened)}` }), present, usable: 'no' };
	const vcpu = answers.get('vcpu') ?? '';
	const attribute = (number: number): Answer => {
		const answer = answers.get(`attribute ${number}`);
		// Without a vCPU with a PMU, its PMU attributes cannot be queried.
		return answer === '0' ? 'yes' : 'no';
	};
	const strict = answers.get('strict');
	const cpus = [...answers].flatMap(([question, answer]) => {
		const cpu = /^cpu (\d{1,10})$/.exec(question);
		return cpu !== null && answer === '0' ? [[Number(cpu[1]), Number(cpu[1])] as const] : [];
	});
	const types = [...answers].flatMap(([question, answer]) => {
		const type = /^type (\d+)$/.exec(question);
		return type === null ? [] : [[type[1]!, errnoName(answer)] as const];
	});
	return {
		present,
		usable: 'yes',
		pmuV3: answers.get('cap-pmu-v3') === '1' ? 'yes' : 'no',
		setPmu: attribute(3),
		setNrCounters: attribute(4),
		filter: attribute(2),
		attribute5: attribute(5),
		pmuV3Strict: strict === '0' ? 'yes' : 'no',
		scratchVcpu: vcpu === '0' ? 'yes' : 'no',
		// Without SET_PMU every type is refused.
		setPmuTypes: attribute(3) === 'yes' ? Object.fromEntries(types) : {},
		vcpuInitCpus: `${new CpuSet(cpus)}`,
		...defaultCounts(lines),
		...fixedCounters(lines),
	};
}

/** One CPU that vCPUs were made on, or several CPUs with consistent measurements. */
interface Measured {
	readonly madeOn: CpuSet;
	readonly counted: CpuSet;
	readonly stopped: CpuSet;
}

/** Parses the lines `default MADE-ON RAN-ON CYCLES`; an older kvm-facts prints none. */
function defaultCounts(lines: readonly string[]): Pick<KvmFacts, 'defaultCounts'> {
	const byCpu = new Map<number, Measured>();
	let failure: string | undefined;
	for (const line of lines) {
		const failed = /^default-failed \d{1,4} (\d{1,10})$/.exec(line)?.[1];
		if (failed !== undefined) failure ??= errnoName(failed);
		const [, madeOn, ranOn, cycles] = (/^default (\d{1,4}) (\d{1,4}) (\d{1,20})$/.exec(line) ?? []).map(Number);
		if (madeOn === undefined || ranOn === undefined) continue;
		const none = new CpuSet();
		const { counted, stopped } = byCpu.get(madeOn) ?? { counted: none, stopped: none };
		const here = CpuSet.of(ranOn);
		byCpu.set(madeOn, {
			madeOn: CpuSet.of(madeOn),
			counted: cycles === 0 ? counted : counted.or(here),
			stopped: cycles === 0 ? stopped.or(here) : stopped,
		});
	}
	const merged: Measured[] = [];
	for (const one of byCpu.values()) {
		const index = merged.findIndex(other => agree(one, other));
		if (index === -1) merged.push(one);
		else {
			const { madeOn, counted, stopped } = merged[index]!;
			merged[index] = {
				madeOn: madeOn.or(one.madeOn),
				counted: counted.or(one.counted),
				stopped: stopped.or(one.stopped),
			};
		}
	}
	if (merged.length > 0) {
		return {
			defaultCounts: merged.map(({ madeOn, counted, stopped }) => ({
				madeOn: `${madeOn}`,
				counted: `${counted}`,
				stopped: `${stopped}`,
			})),
		};
	}
	return failure === undefined ? {} : { defaultCounts: { unknown: `guest code could not be run: ${failure}` } };
}

/** CPU_CYCLES among the common events (ARM DDI 0487, D13.12.3). */
const cpuCycles = 0x11n;

/** Parses the lines `fixed...`; there are none where KVM does not have the attribute. */
function fixedCounters(lines: readonly string[]): Pick<KvmFacts, 'fixedCounters'> {
	const numberAfter = (name: string) =>
		lines.map(line => new RegExp(`^${name} (\\d{1,20})$`).exec(line)?.[1]).find(value => value !== undefined);
	const set = numberAfter('fixed');
	if (set === undefined) return {};
	if (set !== '0') return { fixedCounters: { unknown: `attribute 5 could not be set: ${errnoName(set)}` } };
	const [pmceid, pmcr] = [numberAfter('fixed-pmceid'), numberAfter('fixed-pmcr')];
	if (pmceid === undefined || pmcr === undefined) {
		const why = errnoName(numberAfter('fixed-failed') ?? '5');
		return { fixedCounters: { unknown: `guest code could not be run with the fixed counters alone: ${why}` } };
	}
	const counts = lines.flatMap(line => {
		const [, cpu, cycles] = /^fixed-counts (\d{1,4}) (\d{1,20})$/.exec(line) ?? [];
		return cpu === undefined ? [] : [{ cpu: Number(cpu), counts: cycles !== '0' }];
	});
	const cpusThat = (counting: boolean) => {
		const cpus = counts.filter(one => one.counts === counting).map(({ cpu }) => cpu);
		return `${CpuSet.of(...cpus)}`;
	};
	return {
		fixedCounters: {
			eventCounters: Number((BigInt(pmcr) >> 11n) & 31n),
			cyclesListed: ((BigInt(pmceid) >> cpuCycles) & 1n) === 1n,
			...{ counted: cpusThat(true), stopped: cpusThat(false) },
		},
	};
}

/** Whether both have at least one measured CPU in common, and no contradicting measurements. */
function agree(a: Measured, b: Measured): boolean {
	const conflict = a.counted.and(b.stopped).size + a.stopped.and(b.counted).size;
	return conflict === 0 && a.counted.and(b.counted).size + a.stopped.and(b.stopped).size > 0;
}

function unasked(present: boolean, machine: string, lines: readonly string[]): KvmFacts {
	if (!present) return { ...everything({ unknown: 'there is no /dev/kvm' }), present, usable: 'no' };
	const said = lines.find(line => line.startsWith('unasked '))?.slice('unasked '.length);
	const why =
		machine !== 'aarch64' && machine !== ''
			? `/dev/kvm of this machine (${machine}) says nothing about Arm guests`
			: (said ?? 'kvm-facts was cut off');
	return { ...everything({ unknown: why }), present, usable: machine === 'aarch64' ? { unknown: why } : 'no' };
}

function everything(answer: Answer): Omit<KvmFacts, 'present' | 'usable'> {
	return {
		pmuV3: answer,
		setPmu: answer,
		setNrCounters: answer,
		filter: answer,
		attribute5: answer,
		pmuV3Strict: answer,
	};
}
