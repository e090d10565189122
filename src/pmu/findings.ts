/**
 * Where the posted patch (RFC v3) differs from its description, or from what its users need. Each one is
 * described in docs/findings.md under the same number, with the command that shows it.
 */
export const findings = {
	F1: 'an event source that is a plain folder ends QEMU: readlinkat() fails for ever while its buffer doubles',
	F2: 'a pmu value beyond 32 bits, or a negative one, is silently taken for unset',
	F3: 'a covering event source is chosen without asking KVM whether it can use it',
	F4: 'the fixed-counters-only PMU is not tried when sysfs cannot be read',
	F5: 'without SET_PMU, a cpus list that reaches a higher 64-bit word than possible makes the comparison read past its bitmap',
	F6: 'a CPU number out of range in sysfs ends QEMU instead of being refused',
	F7: 'an event source type beyond 32 bits is cut to 32 bits instead of being refused',
	F8: '-cpu host,pmu=off is refused where no backend exists, although the guest has no PMU anyway',
	F9: 'a named CPU model fails to start where no backend exists, though its PMU should just be disabled',
	F10: 'qom-list-properties of kvm-accel ends a running QEMU',
	F11: 'a vCPU on a host CPU outside the chosen PMU spins without progress while QMP says running',
	F12: 'an event source that KVM refuses stops the start even with -cpu host,pmu=off, and the message names neither',
	F13: 'an empty list of possible CPUs ends QEMU',
	F14: 'whether a scratch vCPU can be made depends on the CPU that QEMU happens to run on, and with it the backend',
} as const;

/** What was found about posted kernel series, in docs/findings.md under the same numbers. */
export const kernelFindings = {
	K1: 'with the fixed counters alone PMCEID0 lists no CPU_CYCLES, so that a Linux guest has no event cycles: perf says not supported, and only raw r11 counts',
} as const;

export type FindingId = keyof typeof findings;

/** A series in which findings were seen, and how its versions are recognised. */
export interface KnownSeries {
	readonly title: string;
	/** b4's `change-id`, the same for every version. */
	readonly changeId: string;
	/** The versions that were tried: their messages, and the findings that were seen with them. */
	readonly versions: readonly {
		readonly version: number;
		readonly messageIds: readonly string[];
		readonly seen: readonly FindingId[];
	}[];
}

/** Every series in which a finding was seen; docs/findings.md has the details. */
export const knownSeries: readonly KnownSeries[] = [
	{
		title: 'target/arm/kvm: Choose PMU backend',
		changeId: '20250730-kvm-8fc06c8f722a',
		versions: [
			{
				version: 3,
				messageIds: ['20260423-kvm-v3-1-e3c2f87974ac@rsg.ci.i.u-tokyo.ac.jp'],
				seen: Object.keys(findings) as FindingId[],
			},
		],
	},
];

/** What a series says of itself; what is not known is absent. */
export interface SeriesIdentity {
	readonly title: string;
	readonly version: number;
	readonly changeId?: string | undefined;
	readonly messageIds?: readonly string[] | undefined;
}

/** What is known of a series before it is tried. */
export interface KnownFindings {
	readonly series: KnownSeries;
	/** The newest version up to this one in which findings were seen. */
	readonly seenIn: number;
	readonly seen: readonly FindingId[];
}

/**
 * Finds what earlier versions of a series, or this one, are known to show: by `change-id`, by the message, else by the title of
 * its patches, whatever stands in brackets. Undefined for a series that nothing is known of, or an older version. Pure.
 */
export function knownFindingsOf(
	{ title, version, changeId, messageIds = [] }: SeriesIdentity,
	known: readonly KnownSeries[] = knownSeries,
): KnownFindings | undefined {
	const plain = (text: string) => text.replaceAll(/\s+/g, ' ').trim().toLowerCase();
	const series =
		known.find(one => changeId !== undefined && one.changeId === changeId) ??
		known.find(one => one.versions.some(tried => tried.messageIds.some(id => messageIds.includes(id)))) ??
		known.find(one => plain(one.title) === plain(title));
	const tried = series?.versions.filter(one => one.version <= version).sort((a, b) => b.version - a.version)[0];
	return tried === undefined ? undefined : { series: series!, seenIn: tried.version, seen: tried.seen };
}
