import { writeFile } from 'node:fs/promises';
import type { Host } from '../../../src/host/index.ts';
import { quoteCommand, VpmuError } from '../../../src/lib/index.ts';
import { type FindingId, type HostFacts, simulate } from '../../../src/pmu/index.ts';
import { type BatchTools, caseArgv, runBatch } from './batch.ts';
import { type Comparison, compareStart } from './compare.ts';
import type { DifferentialCase } from './generate.ts';
import { shrinkCase } from './shrink.ts';

/** A simulated host with a title to tell it from others. */
export interface NamedHost {
	readonly title: string;
	readonly case: DifferentialCase;
}

/** A host on which QEMU did not do what it must. */
export interface Counterexample {
	readonly title: string;
	readonly expected: readonly string[];
	readonly seen: string;
	/** The smallest host that still shows it; the host itself if it was not shrunk. */
	readonly smallest: DifferentialCase;
	/** QEMU's command line there. */
	readonly command: string;
}

/** What a QEMU chose on simulated hosts. */
export interface HostsReport {
	readonly asked: number;
	readonly agrees: number;
	/** Number of hosts that showed each known finding. */
	readonly findings: Readonly<Partial<Record<FindingId, number>>>;
	readonly counterexamples: readonly Counterexample[];
}

export interface ChooseOptions extends BatchTools {
	readonly facts: HostFacts;
	/** Slowness factor of the host. */
	readonly slowness: number;
	/** Called with the number of hosts done. */
	readonly onProgress?: (done: number, total: number) => void;
	/** Local file for the report. */
	readonly file: string;
}

/** Hosts per command: enough to make the round trip cheap, few enough to report progress. */
const batchSize = 30;
/** Counterexamples to shrink; each takes some hundred starts. */
const mostShrunk = 2;

/**
 * Lets a QEMU choose on simulated hosts without booting a guest, and compares with the predictions. Counterexamples are
 * shrunk, and all are written to a file.
 *
 * @throws VpmuError (blame `host`) if hosts cannot be simulated there, or the host does not answer
 */
export async function chooseOnHosts(
	host: Host,
	hosts: readonly NamedHost[],
	options: ChooseOptions,
): Promise<HostsReport> {
	const { facts, slowness, onProgress } = options;
	if (hosts.length === 0) throw new VpmuError('no hosts were given', { blame: 'harness' });
	// On a host that allows no mounts, each start would look like a failure of QEMU.
	await using _ = await simulate(host, hosts[0]!.case.description, { facts, shimPath: options.shimPath });
	const compare = async (cases: readonly DifferentialCase[]): Promise<Comparison[]> => {
		const seen = await runBatch(host, facts, cases, options, { timeoutMs: 20_000 * (cases.length + 6) * slowness });
		return cases.map((one, index) => compareStart(facts, one, seen[index]!));
	};
	const findings: Partial<Record<FindingId, number>> = {};
	const counterexamples: Counterexample[] = [];
	let agrees = 0;
	for (let at = 0; at < hosts.length; at += batchSize) {
		const batch = hosts.slice(at, at + batchSize);
		for (const [index, comparison] of (await compare(batch.map(one => one.case))).entries()) {
			if (comparison.outcome === 'agrees') agrees++;
			else if (comparison.outcome === 'finding') {
				for (const finding of comparison.findings) findings[finding] = (findings[finding] ?? 0) + 1;
			} else {
				const { title, case: one } = batch[index]!;
				const shows = async (some: readonly DifferentialCase[]) =>
					(await compare(some)).map(({ outcome }) => outcome === 'unexplained');
				const smallest = counterexamples.length < mostShrunk ? await shrinkCase(one, shows) : one;
				const { expected, seen } = comparison;
				const command = quoteCommand(caseArgv(smallest, options.qemu[smallest.settings.qemu.version ?? '']!));
				counterexamples.push({ title, expected, seen, smallest, command });
			}
		}
		onProgress?.(Math.min(at + batchSize, hosts.length), hosts.length);
	}
	const report = { asked: hosts.length, agrees, findings, counterexamples };
	await writeFile(options.file, `${JSON.stringify(report, null, 2)}\n`);
	return report;
}

/**
 * Describes a report's counterexamples in a sentence each: the expected choice, the choice seen, and the smallest host.
 */
export function sentencesOf({ counterexamples }: HostsReport): string[] {
	return counterexamples.map(({ title, expected, seen, smallest }) => {
		const { qemu: _, ...settings } = smallest.settings;
		return `${title}: expected ${expected.join(' or ')}, but ${seen}; smallest host: ${JSON.stringify(smallest.description)} with ${JSON.stringify(settings)}`;
	});
}

/** Summarises a report in a few words. */
export function summaryOf({ asked, agrees, findings, counterexamples }: HostsReport): string {
	const found = Object.entries(findings).map(([finding, times]) => `${finding} ${times}`);
	return `${asked} hosts: ${agrees} as predicted, ${found.length === 0 ? 'no known finding' : `known findings ${found.sort().join(', ')}`}, ${counterexamples.length} unexplained`;
}
