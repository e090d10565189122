import { formatDuration } from '../../../src/lib/index.ts';
import { type Answer, describeConformance, type FileText, type HostFacts } from '../../../src/pmu/index.ts';
import { parseKernel, parseOn, UnfitBuild } from '../../plan/select.ts';
import { selftestsBeside, selftestsIn } from '../../plan/selftests/selftests.ts';
import { tagsOf } from '../../plan/tags.ts';
import { Resources } from '../../run/resources/resources.ts';
import { bisecting } from '../../usage/bisect.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { conformanceOf } from './conformance/ask.ts';
import type { probeOptions } from './options.ts';

/** `vpmu probe`. */
export async function probe(context: CommandContext, given: Given<typeof probeOptions>): Promise<number> {
	if (!given.options.bisect) return await probeOnce(context, given);
	// A missing Image means that it was not built.
	return await bisecting(
		context,
		async () => await probeOnce(context, given),
		error => error instanceof UnfitBuild,
	);
}

async function probeOnce(context: CommandContext, { options }: Given<typeof probeOptions>): Promise<number> {
	const given = options.selftests === undefined ? undefined : selftestsIn(options.selftests);
	const on = parseOn(options.on ?? context.env.VPMU_ON);
	const boardKernel = parseKernel(options['board-kernel'] ?? 'debian:trixie', '--board-kernel');
	await using resources = new Resources({
		kernel: boardKernel,
		boardKernel,
		env: context.env,
		signal: context.signal,
		onProgress: what => context.stderr.write(`${what}\n`),
	});
	const startedAt = performance.now();
	const host = await resources.host(on === 'board' ? 'board:uniform' : on);
	if (options.conformance) {
		const tests = given ?? (host.kind === 'board' ? selftestsBeside(boardKernel) : undefined);
		const found = await conformanceOf(host, context.signal, tests);
		context.stdout.write(
			options.json ? `${JSON.stringify(found, null, 2)}\n` : describeConformance(found, options.verbose),
		);
		return found.deviations === 0 ? exitCodes.asPredicted : exitCodes.failed;
	}
	const facts = await resources.facts(host);
	if (context.stderr.isTTY === true)
		context.stderr.write(`probed in ${formatDuration(performance.now() - startedAt)}\n`);

	context.stdout.write(
		options.tags
			? tagsOf(facts)
					.map(tag => `${tag}\n`)
					.join('')
			: options.json
				? `${JSON.stringify(facts, null, 2)}\n`
				: card(facts),
	);
	return 0;
}

const inWords = (answer: Answer) => (typeof answer === 'string' ? answer : `unknown: ${answer.unknown}`);
const list = (file: FileText) => ('text' in file ? file.text.trim() || '(empty)' : file.error);

/** Describes the facts. */
export function card(facts: HostFacts): string {
	const { cpus, kvm } = facts;
	const lines = [
		`${facts.host}: Linux ${facts.kernel.release} ${facts.kernel.machine}${facts.topology === null ? '' : `, topology ${facts.topology}`}`,
		...(facts.simulated.length === 0 ? [] : [`simulated     ${facts.simulated.join(', ')}`]),
		`CPUs          possible ${list(cpus.possible)}, present ${list(cpus.present)}, online ${list(cpus.online)}, allowed ${list(cpus.allowed)}`,
		...byMidr(cpus.midr).map(([midr, numbers]) => `MIDR          ${midr}: CPU ${numbers}`),
		`KVM           ${kvm.present ? (kvm.usable === 'yes' ? 'usable' : `usable: ${inWords(kvm.usable)}`) : 'there is no /dev/kvm'}`,
		...(
			[
				['PMU (KVM_CAP_ARM_PMU_V3)', kvm.pmuV3],
				['FILTER (attribute 2)', kvm.filter],
				['SET_PMU (attribute 3)', kvm.setPmu],
				['SET_NR_COUNTERS (attribute 4)', kvm.setNrCounters],
				['attribute 5 (FIXED_COUNTERS_ONLY in one posted series, ENABLE_PARTITION in another)', kvm.attribute5],
				['PMU_V3_STRICT (vCPU feature 9)', kvm.pmuV3Strict],
			] as const
		).map(([what, answer]) => `  ${what}: ${inWords(answer)}`),
		...defaults(kvm.defaultCounts),
		...fixed(kvm.fixedCounters),
		...('error' in facts.eventSources
			? [`event sources ${facts.eventSources.error}`]
			: facts.eventSources.map(source => {
					const answer = 'text' in source.type ? kvm.setPmuTypes?.[source.type.text.trim()] : undefined;
					const set = answer === undefined ? '' : `, SET_PMU: ${answer}`;
					return `event source  ${source.name}: type ${list(source.type)}, cpus ${list(source.cpus)}, ${list(source.link)}${set}`;
				})),
		...Object.entries(facts.other).map(([name, value]) => `${name}: ${value}`),
	];
	return `${lines.join('\n')}\n`;
}

/** Describes where vCPUs counted that have KVM's default event source. */
function defaults(measured: HostFacts['kvm']['defaultCounts']): string[] {
	if (measured === undefined) return [];
	if ('unknown' in measured) return [`KVM's default not measured: ${measured.unknown}`];
	return measured.map(({ madeOn, counted, stopped }) => {
		const stands = stopped === '' ? '' : `, stands still on ${stopped}`;
		return `KVM's default a vCPU made on CPU ${madeOn} counts on ${counted === '' ? 'no CPU' : `CPU ${counted}`}${stands}`;
	});
}

/** What a vCPU with the fixed counters alone shows, and where it counts. */
function fixed(measured: HostFacts['kvm']['fixedCounters']): string[] {
	if (measured === undefined) return [];
	if ('unknown' in measured) return [`fixed counters: ${measured.unknown}`];
	const { eventCounters, cyclesListed, counted, stopped } = measured;
	const listed = cyclesListed
		? 'PMCEID0 lists CPU_CYCLES'
		: 'PMCEID0 does not list CPU_CYCLES: Linux has no event cycles, r11 counts';
	const where = `count on CPU ${counted || 'none'}${stopped === '' ? '' : `, stand still on ${stopped}`}`;
	return [`fixed counters: ${where}; ${eventCounters} event counters; ${listed}`];
}

function byMidr(midr: HostFacts['cpus']['midr']): [midr: string, cpus: string][] {
	const groups = new Map<string, string[]>();
	for (const [cpu, value] of Object.entries(midr)) groups.set(value, [...(groups.get(value) ?? []), cpu]);
	return [...groups].map(([value, cpus]) => [value, cpus.join(',')]);
}
