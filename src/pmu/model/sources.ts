import { shorten } from '../../lib/text/foreign.ts';
import { CpuSet, type LenientReading, parseCpuListAsPatch, readNumber } from '../cpu-list.ts';
import type { EventSource, FileText } from '../facts.ts';

/** Event source types are the `type` of perf_event_attr: 32 bits. */
export const largestType = 2n ** 32n - 1n;

/** One parsed event source, with the errors of each part. */
export interface ReadSource {
	readonly name: string;
	readonly type: number | undefined;
	readonly cpus: CpuSet | undefined;
	/** Target of its symbolic link: its path among the devices. */
	readonly link: string | undefined;
	/** Whether KVM can back a guest's PMU with it. */
	readonly compatible: boolean;
	/** Why it has no list of CPUs; undefined if it has one. */
	readonly noList: string | undefined;
	/** Why it cannot be a candidate, whatever it covers; undefined if it can. */
	readonly problem: string | undefined;
	/** The number in its `type`, even if out of range, and its `cpus`, as the posted patch parses them. */
	readonly rawType: bigint | undefined;
	readonly rawCpus: LenientReading | undefined;
}

/** An event source that is the PMU of host CPUs and that KVM can use. */
export interface CpuPmu extends ReadSource {
	readonly type: number;
	readonly cpus: CpuSet;
}

/** Why an event source that is not a CPU PMU is rejected: software and uncore ones, often a hundred. */
export const noCpusFile = 'no cpus file, which CPU PMUs have';

/** The first line of a file as returned by getline(), without its newline; undefined if there is none. */
function firstLine(file: FileText): string | undefined {
	if ('error' in file || file.text === '') return undefined;
	return /^[^\n\0]*/.exec(file.text)![0];
}

/** Parses a file with a list of CPUs as a QEMU with the choice does; undefined if there is no line. */
export function readCpuFile(file: FileText): LenientReading | undefined {
	const line = firstLine(file);
	return line === undefined ? undefined : parseCpuListAsPatch(line);
}

const describeFile = (file: FileText) =>
	'error' in file ? file.error : `it reads ${JSON.stringify(shorten(file.text, 200))}`;

/** Parses the number in a `type` file. Nothing but a line end may follow it. Undefined for anything else. */
function readType(file: FileText): bigint | undefined {
	const line = firstLine(file);
	const number = line === undefined ? undefined : readNumber(line);
	return number === undefined || number.rest !== '' ? undefined : number.value;
}

/** Parses the facts of one event source. `answers`: KVM's answers to SET_PMU by type, if it was asked. */
export function readSource(entry: EventSource, answers: Readonly<Record<string, string>> | undefined): ReadSource {
	const rawType = readType(entry.type);
	const type = rawType !== undefined && rawType <= largestType ? Number(rawType) : undefined;
	const rawCpus = readCpuFile(entry.cpus);
	const cpus = rawCpus !== undefined && 'cpus' in rawCpus ? rawCpus.cpus : undefined;
	const link = 'text' in entry.link ? entry.link.text : undefined;
	const answer = type === undefined ? undefined : answers?.[String(type)];
	const compatible = answer === undefined ? cpus !== undefined : answer === 'ok';
	const noList =
		cpus !== undefined
			? undefined
			: 'error' in entry.cpus && entry.cpus.error === 'ENOENT'
				? noCpusFile
				: `cpus is not a list (${describeFile(entry.cpus)})`;
	const problem =
		type === undefined
			? `type is not a number of 32 bits (${describeFile(entry.type)})`
			: (noList ??
				(link === undefined
					? `not a link, so it has no device path (${describeFile(entry.link)})`
					: !compatible
						? `refused by KVM (${answer})`
						: undefined));
	return { name: entry.name, type, cpus, link, compatible, noList, problem, rawType, rawCpus };
}

/** Whether it is the PMU of host CPUs and KVM can use it. */
export function isCpuPmu(source: ReadSource): source is CpuPmu {
	return source.compatible && source.type !== undefined && source.cpus !== undefined;
}

/** Returns the union of the CPUs that event sources cover. */
export function coveredBy(sources: readonly { readonly cpus: CpuSet }[]): CpuSet {
	return sources.reduce((all, source) => all.or(source.cpus), new CpuSet());
}
