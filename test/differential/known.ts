import type { DifferentialCase } from '../../harness/worker/hosts/generate.ts';
import type { EventSource, FindingId, SimulatedHost } from '../../src/pmu/index.ts';

/** The smallest case that shows a finding, found by shrinking, and what the posted code does with it. */
export interface KnownFinding {
	readonly finding: FindingId;
	readonly case: DifferentialCase;
}

const source = (name: string, type: number | string, cpus: string): EventSource => ({
	name,
	link: { text: `../../../devices/platform/${name}` },
	type: { text: `${type}\n` },
	cpus: { text: `${cpus}\n` },
});

function shown(
	finding: FindingId,
	description: SimulatedHost,
	settings: Partial<DifferentialCase['settings']> = {},
): KnownFinding {
	return {
		finding,
		case: {
			description,
			settings: { machine: 'virt', accel: 'kvm', cpu: 'host', qemu: { hasPmuChoice: true }, ...settings },
		},
	};
}

const uniform = { possible: { text: '0-1\n' }, eventSources: [source('armv8_a', 10, '0-1')] } as const;
const twoClusters = {
	possible: { text: '0-1\n' },
	eventSources: [source('armv8_a', 10, '0'), source('armv8_b', 11, '1')],
};

/** Findings that show when QEMU starts, without a guest. docs/findings.md explains the numbers. */
export const knownFindings: readonly KnownFinding[] = [
	shown('F1', { ...uniform, eventSources: [{ ...source('armv8_a', 10, '0-1'), link: { error: 'EINVAL' } }] }),
	shown('F2', uniform, { pmu: '4294967306' }),
	shown('F2', uniform, { pmu: '-1' }),
	shown('F3', { ...uniform, eventSources: [source('a', 1, '0-1'), source('armv8_b', 10, '0-1')] }),
	shown('F4', { ...uniform, possible: { error: 'ENOENT' }, kvm: { fixedCountersOnly: 'yes' } }),
	shown('F4', { ...uniform, eventSources: { error: 'ENOENT' }, kvm: { fixedCountersOnly: 'yes' } }),
	// After a one-word bitmap, malloc() has two spare words and then the size of the next chunk, which is never 0.
	shown('F5', {
		possible: { text: '0-63\n' },
		eventSources: [source('armv8_a', 10, '0-192')],
		kvm: { setPmu: 'no' },
	}),
	shown('F6', { ...uniform, eventSources: [source('armv8_a', 10, '-1')] }),
	shown('F6', { ...uniform, eventSources: [source('armv8_a', 10, '18446744073709551616')] }),
	shown('F7', { ...uniform, eventSources: [source('armv8_a', 4294967306, '0-1')] }),
	shown('F8', twoClusters, { cpuPmu: false }),
	shown('F12', uniform, { pmu: '9999', cpuPmu: false }),
	shown('F13', { ...uniform, possible: { text: '\n' } }),
];
