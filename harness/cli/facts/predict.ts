import path from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, readGiven, UsageError } from '../../../src/lib/index.ts';
import {
	type Counting,
	CpuSet,
	type HostFacts,
	hostModel,
	type PmuSettings,
	type Prediction,
	parseCpuList,
	parseHostFacts,
	predictBackend,
} from '../../../src/pmu/index.ts';
import { resolvePmu } from '../../plan/groups.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Given } from '../command.ts';
import type { predictOptions } from './options.ts';

/** `vpmu predict`. */
export async function predict(context: CommandContext, { options }: Given<typeof predictOptions>): Promise<number> {
	if (options.facts === undefined) {
		throw new UsageError(
			"'vpmu predict' needs --facts FILE: what 'vpmu probe --json' printed, or - for standard input",
		);
	}
	const facts = parseHostFacts(
		await readFacts(context, options.facts),
		options.facts === '-' ? 'standard input' : options.facts,
	);
	const settings = settingsOf(options, facts);
	checkAffinity(facts, settings.affinity);
	if (settings.accel === 'kvm' && settings.cpu !== undefined) checkModel(facts, settings.cpu);
	const prediction = predictBackend(facts, settings);
	context.stdout.write(
		options.json ? `${JSON.stringify(prediction, null, 2)}\n` : inWords(prediction, options.verbose),
	);
	return 0;
}

async function readFacts(context: CommandContext, file: string): Promise<string> {
	if (file === '-') return await text(context.stdin);
	try {
		return (await readGiven(path.resolve(context.cwd, file), context.signal)).toString();
	} catch (error) {
		throw new UsageError(`facts file '${file}' of option '--facts' cannot be read: ${messageOf(error)}`, {
			cause: error,
		});
	}
}

function settingsOf(given: Given<typeof predictOptions>['options'], facts: HostFacts): PmuSettings {
	const machine = given.machine ?? 'virt';
	if (!/^[\w.-]+$/.test(machine)) {
		throw new UsageError(
			`machine type '${machine}' of option '--machine' is not valid; expected a name such as virt or virt-9.2`,
		);
	}
	if (!/^virt(-|$)/.test(machine)) {
		throw new UsageError(
			`machine type '${machine}' of option '--machine' is not predicted; allowed: virt and its versions, such as virt-9.2`,
		);
	}
	const version = given['qemu-version'];
	if (version !== undefined && !/^\d+\.\d+/.test(version)) {
		throw new UsageError(
			`version '${version}' of option '--qemu-version' is not valid; expected a version such as 10.0.13`,
		);
	}
	if (given.affinity !== undefined && parseCpuList(given.affinity).size === 0) {
		throw new UsageError("the list of option '--affinity' names no CPU; expected a list such as 0-3,8");
	}
	const backcompat = given['backcompat-pmu'];
	const cpuPmu = given['cpu-pmu'];
	return {
		machine,
		accel: given.accel ?? 'kvm',
		...(given.pmu === undefined ? {} : { pmu: resolvePmu(given.pmu, hostModel(facts)) }),
		...(backcompat === undefined ? {} : { backcompatPmu: backcompat === 'on' }),
		...(cpuPmu === undefined ? {} : { cpuPmu: cpuPmu === 'on' }),
		...(given.cpu === undefined ? {} : { cpu: given.cpu }),
		...(given.vcpus === undefined ? {} : { vcpus: given.vcpus }),
		...(given.affinity === undefined ? {} : { affinity: given.affinity }),
		qemu: { hasPmuChoice: given['qemu-has-choice'] !== 'no', ...(version === undefined ? {} : { version }) },
	};
}

/** Checks that QEMU can run on one of these CPUs, as sched_setaffinity(2) does. @throws UsageError */
function checkAffinity(facts: HostFacts, affinity: string | undefined): void {
	const { online } = hostModel(facts);
	if (affinity === undefined || online.size === 0 || parseCpuList(affinity).and(online).size > 0) return;
	throw new UsageError(
		`'${affinity}' of option '--affinity' names no CPU that is online in the facts; allowed: some of ${online}`,
	);
}

/** Main ID registers (part numbers) of the cores that QEMU starts under KVM by their names (`kvm_target` in target/arm/cpu64.c). */
const partOf: ReadonlyMap<string, number> = new Map([
	['cortex-a53', 0xd03],
	['cortex-a57', 0xd07],
]);

/** Checks that a CPU model is known to run there: KVM accepts a name only on such CPUs. @throws UsageError */
function checkModel({ host, cpus }: HostFacts, cpu: string): void {
	if (cpu === 'host' || cpu === 'max') return;
	const part = partOf.get(cpu);
	if (part === undefined) {
		const allowed = ['host', 'max', ...partOf.keys()].join(', ');
		throw new UsageError(`'${cpu}' of option '--cpu' does not run under KVM; allowed: ${allowed}`);
	}
	const midrs = [...new Set(Object.values(cpus.midr))];
	if (midrs.some(midr => ((Number.parseInt(midr, 16) >> 4) & 0xfff) === part)) return;
	const found = midrs.length === 0 ? 'not known (no MIDR in the facts)' : `others (MIDR ${midrs.join(', ')})`;
	throw new UsageError(
		`'${cpu}' of option '--cpu' is not predicted: KVM accepts it only on such CPUs, and those of ${host} are ${found}; allowed: host, max`,
	);
}

/** Describes the prediction. `verbose`: includes each event source that was considered. */
export function inWords(prediction: Prediction, verbose = false): string {
	const { backend, type, name, rule } = prediction;
	const source =
		type === undefined ? '' : `, event source ${name === undefined ? `type ${type}` : `${name} (type ${type})`}`;
	const counting = new Map<string, CpuSet>();
	for (const [cpu, word] of Object.entries(prediction.counting)) {
		const words = countingWords(word);
		counting.set(words, (counting.get(words) ?? new CpuSet()).or(CpuSet.of(Number(cpu))));
	}
	return `${[
		`backend: ${backend}${source} (rule ${rule})`,
		...(prediction.error === undefined ? [] : [`error: QEMU says '${prediction.error}'`]),
		`guest: ${prediction.guestHasPmu ? 'has a PMU' : 'has no PMU'}`,
		...[...counting].map(([words, cpus]) => `host CPU ${cpus}: ${words}`),
		'because:',
		...prediction.because.map(sentence => `  ${sentence}`),
		...(verbose ? considered(prediction) : []),
		...prediction.disagreements.map(({ finding, code }) => `posted code (${finding}): ${code}`),
	].join('\n')}\n`;
}

function considered({ considered: all = [] }: Prediction): string[] {
	if (all.length === 0) return ['event sources considered: none'];
	return ['event sources considered:', ...all.map(({ name, why }) => `  ${name}: ${why ?? 'covers all CPUs'}`)];
}

function countingWords(counting: Counting): string {
	if (typeof counting !== 'string') return `unknown: ${counting.unknown}`;
	return {
		counts: 'vCPUs run and count',
		stops: 'vCPUs run, but their counters stand still',
		'cannot-run': 'vCPUs cannot run',
		'no-pmu': 'vCPUs run without a PMU',
	}[counting];
}
