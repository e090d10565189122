import { shorten } from '../../lib/foreign.ts';
import { CpuSet, parseCpuList, parseCpuListAsPatch, readNumber } from '../cpu-list.ts';
import type { Answer, EventSource, FileText, HostFacts } from '../facts.ts';

/** Event source types are the `type` of perf_event_attr: 32 bits. */
export const largestType = 2n ** 32n - 1n;

/** One event source as read, with what was wrong with each part of it. */
export interface ReadSource {
	readonly name: string;
	readonly type: number | undefined;
	readonly cpus: CpuSet | undefined;
	/** Target of its symbolic link: its place among the devices. */
	readonly link: string | undefined;
	/** Whether KVM can back a guest's PMU with it. */
	readonly compatible: boolean;
	/** Why it cannot be a candidate, whatever it covers; undefined when it can. */
	readonly problem: string | undefined;
}

/** The first line of a file as getline() gives it, without its newline; undefined where there is none to read. */
export function firstLine(file: FileText): string | undefined {
	if ('error' in file || file.text === '') return undefined;
	return /^[^\n\0]*/.exec(file.text)![0];
}

const describe = (file: FileText) =>
	'error' in file ? file.error : `it reads ${JSON.stringify(shorten(file.text, 200))}`;

/** A `type` file's number: what follows it must be the end of the line. Undefined for anything else. */
export function readType(file: FileText): bigint | undefined {
	const line = firstLine(file);
	const number = line === undefined ? undefined : readNumber(line);
	return number === undefined || number.rest !== '' ? undefined : number.value;
}

/** Reads the facts of one event source. */
export function readSource(facts: HostFacts, entry: EventSource): ReadSource {
	const number = readType(entry.type);
	const type = number !== undefined && number <= largestType ? Number(number) : undefined;
	const line = firstLine(entry.cpus);
	const list = line === undefined ? undefined : parseCpuListAsPatch(line);
	const cpus = list !== undefined && 'cpus' in list ? list.cpus : undefined;
	const link = 'text' in entry.link ? entry.link.text : undefined;
	const answer = type === undefined ? undefined : facts.kvm.setPmuTypes?.[String(type)];
	const compatible = answer === undefined ? cpus !== undefined : answer === 'ok';
	const problem =
		type === undefined
			? `its type is not a number of 32 bits (${describe(entry.type)})`
			: cpus === undefined
				? 'error' in entry.cpus && entry.cpus.error === 'ENOENT'
					? 'it has no cpus file, so it is not the PMU of CPUs'
					: `its cpus are not a list (${describe(entry.cpus)})`
				: link === undefined
					? `it is not a link, so it has no place among the devices (${describe(entry.link)})`
					: !compatible
						? `KVM refuses it (${answer})`
						: undefined;
	return { name: entry.name, type, cpus, link, compatible, problem };
}

/** Event sources of the host, as read; empty where they could not be listed. */
export function readSources(facts: HostFacts): readonly ReadSource[] {
	return 'error' in facts.eventSources ? [] : facts.eventSources.map(entry => readSource(facts, entry));
}

/** Those that KVM can use, in the order in which the kernel registered them: it hands out types in ascending order. */
export function compatibleSources(facts: HostFacts): readonly (ReadSource & { type: number; cpus: CpuSet })[] {
	return readSources(facts)
		.filter((source): source is ReadSource & { type: number; cpus: CpuSet } => {
			return source.compatible && source.type !== undefined && source.cpus !== undefined;
		})
		.sort((a, b) => a.type - b.type);
}

/** A list of CPUs from sysfs, undefined when it cannot be read. */
export function cpuSetOf(file: FileText): CpuSet | undefined {
	if ('error' in file) return undefined;
	try {
		return parseCpuList(file.text);
	} catch {
		return undefined;
	}
}

/** Whether KVM takes an event source of this type: as it answered, else when sysfs lists the PMU of CPUs under it. */
export function kvmTakes(facts: HostFacts, type: number): boolean {
	const { setPmuTypes } = facts.kvm;
	if (setPmuTypes !== undefined) return setPmuTypes[String(type)] === 'ok';
	return readSources(facts).some(source => source.type === type && source.compatible);
}

/** CPUs for which counting is predicted: the online ones; the possible ones where that is not known. */
export function onlineCpus(facts: HostFacts): CpuSet {
	return cpuSetOf(facts.cpus.online) ?? cpuSetOf(facts.cpus.possible) ?? new CpuSet();
}

/** CPUs that QEMU may be started on. */
export function startCpus(facts: HostFacts, affinity: string | undefined): CpuSet {
	const online = onlineCpus(facts);
	const wanted = cpuSetOf(affinity === undefined ? facts.cpus.allowed : { text: affinity });
	return wanted === undefined ? online : wanted.and(online);
}

/** Whether the kernel's release is at least `major.minor`; undefined for a release that cannot be read. */
export function kernelAtLeast(facts: HostFacts, major: number, minor: number): boolean | undefined {
	const match = /^(\d+)\.(\d+)/.exec(facts.kernel.release);
	if (match === null) return undefined;
	return Number(match[1]) > major || (Number(match[1]) === major && Number(match[2]) >= minor);
}

/** An answer that decides; one that is not known is `assumed`, and `because` says so. */
export function decide(what: string, answer: Answer, assumed: boolean, because: string[]): boolean {
	if (typeof answer === 'string') return answer === 'yes';
	because.push(`whether ${what} is not known (${answer.unknown}); taken as ${assumed ? 'yes' : 'no'}`);
	return assumed;
}
