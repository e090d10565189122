import { formatDuration, machineVersion, UsageError } from '../../../src/lib/index.ts';
import {
	compareInspections,
	type Inspection,
	type InspectionComparison,
	inspectQemu,
} from '../../../src/qemu/index.ts';
import type { MarkedPlace, SchemaChange } from '../../../src/qmp/index.ts';
import { foreignProgram, parseSource } from '../../plan/select.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { hostOn, qemuCommand, resourcesFor } from '../resources.ts';
import type { inspectOptions } from './options.ts';

/** `vpmu inspect`. */
export async function inspect(context: CommandContext, { options }: Given<typeof inspectOptions>): Promise<number> {
	if (options.qemu === undefined) throw new UsageError("'vpmu inspect' needs option '--qemu': PATH or debian:SUITE");
	const qemu = parseSource(options.qemu, '--qemu', { executable: true });
	const other = options.diff === undefined ? undefined : parseSource(options.diff, '--diff', { executable: true });
	const show = (value: unknown, text: () => string) =>
		context.stdout.write(options.json ? `${JSON.stringify(value, bigintAsText, 2)}\n` : text());
	if (other === undefined) {
		await using resources = resourcesFor(context);
		const inspection = await ask(resources, context.signal, qemu, { on: options.on });
		show(inspection, () => describeInspection(inspection));
		return exitCodes.asPredicted;
	}
	const comparison = await inspectBoth(context, qemu, other, options.on);
	show(comparison, () => describeComparison(comparison));
	return verdictOf(comparison);
}

/** Asks two QEMUs about themselves, without a guest, and compares their answers. */
export async function inspectBoth(
	context: CommandContext,
	before: string,
	after: string,
	on: string | undefined,
): Promise<InspectionComparison> {
	await using resources = resourcesFor(context);
	const how = { on, qmpSchema: true };
	const answers = await Promise.all([before, after].map(one => ask(resources, context.signal, one, how)));
	return compareInspections(answers[0]!, answers[1]!);
}

async function ask(
	resources: ReturnType<typeof resourcesFor>,
	signal: AbortSignal,
	source: string,
	{ on, qmpSchema = false }: { readonly on: string | undefined; readonly qmpSchema?: boolean },
): Promise<Inspection> {
	// A program for this machine is inspected here, since a board would add nothing.
	const here = foreignProgram(source) === null ? 'local' : 'auto';
	const host = await hostOn(resources, on ?? here);
	const built = await qemuCommand(resources, host, source);
	return await inspectQemu(host, { command: built, label: source }, { signal, qmpSchema });
}

/** Returns 1 if a promise is broken, or if that could not be decided: unknown is not success. */
function verdictOf({ invariant, findings }: InspectionComparison): number {
	return invariant.holds === true && findings.every(finding => finding.severity !== 'regression')
		? exitCodes.asPredicted
		: exitCodes.failed;
}

function bigintAsText(_key: string, value: unknown): unknown {
	return typeof value === 'bigint' ? String(value) : value;
}

const yesNo = (value: boolean | null) => (value === null ? 'unknown' : value ? 'yes' : 'no');
const named = ({ version, package: packaged }: { version: string; package: string }) =>
	`QEMU ${version}${packaged === '' ? '' : ` (${packaged})`}`;

/** Lists machine types in one line, grouped by family. */
function families(names: readonly string[]): string {
	const found = new Map<string, string[]>();
	for (const name of names) {
		const { family = name, version = '' } = machineVersion(name) ?? {};
		const versions = found.get(family) ?? [];
		if (version !== '') versions.push(version);
		found.set(family, versions);
	}
	return [...found].map(([family, versions]) => [family, ...versions].join(' ')).join('; ');
}

/** Describes an inspection. */
export function describeInspection(found: Inspection): string {
	const { accelerators, machines, pmuChoice } = found;
	const lines = [
		`${named(found)}, target ${found.target ?? 'unknown'}, on ${found.host}: ${found.qemu}`,
		`accelerators   ${accelerators.present.join(', ')} built in; ${accelerators.enabled ?? 'none known'} runs`,
		...accelerators.notes.map(note => `               ${note}`),
		`PMU choice     ${yesNo(pmuChoice.has)}`,
		...pmuChoice.evidence.map(
			({ question, answer, has }) => `  ${yesNo(has).padEnd(7)}  ${question}\n           ${answer}`,
		),
	];
	if ('answer' in machines) {
		const versioned = machines.answer.filter(({ name }) => machineVersion(name) !== undefined);
		const aliases = machines.answer
			.filter(({ alias }) => alias !== null)
			.map(({ alias, name }) => `${alias} = ${name}`);
		const old = machines.answer.filter(({ backcompatPmu }) => backcompatPmu === true);
		const told = machines.answer.some(({ backcompatPmu }) => backcompatPmu !== null);
		lines.push(
			`machine types  ${machines.answer.length}; versioned: ${families(versioned.map(({ name }) => name))}`,
			`               aliases: ${aliases.join(', ')}`,
			`               backcompat-pmu on: ${told ? families(old.map(({ name }) => name)) || 'none' : 'unknown (QEMU before 9.1)'}`,
		);
	} else lines.push(`machine types  ${notAnswered(machines)}`);
	for (const [name, answer] of Object.entries(found.acceleratorProperties)) {
		const text = 'answer' in answer ? answer.answer.map(property => property.name).join(', ') : notAnswered(answer);
		lines.push(`${name.padEnd(14)} ${text}`);
	}
	for (const [name, answer] of Object.entries(found.cpuModels)) {
		const text =
			'answer' in answer
				? Object.entries(answer.answer)
						.filter(([, value]) => value === true)
						.map(([property]) => property)
						.join(', ')
				: notAnswered(answer);
		lines.push(`${`-cpu ${name}`.padEnd(14)} ${text}`);
	}
	for (const { question, exit, stderr } of found.deaths) {
		const how = exit.signal ?? `status ${exit.status}`;
		lines.push(`died           of ${question}: ${how}`, ...stderr.map(line => `               ${line}`));
	}
	lines.push(
		`asked in ${formatDuration(found.timings.totalMs)}, greeting after ${formatDuration(found.timings.greetingMs)}`,
	);
	return `${lines.join('\n')}\n`;
}

function notAnswered(answer: Exclude<Inspection['machines'], { answer: unknown }>): string {
	if ('refused' in answer) return `refused: ${answer.refused.desc}`;
	if ('unanswered' in answer) return answer.unanswered;
	return `the question ended QEMU (${answer.died.exit.signal ?? `status ${answer.died.exit.status}`})`;
}

/** Describes a comparison. */
export function describeComparison({ before, after, invariant, findings, qmp }: InspectionComparison): string {
	const holds = { true: 'kept', false: 'BROKEN', null: 'not decided' }[
		String(invariant.holds) as 'true' | 'false' | 'null'
	];
	const of = (severity: string) => findings.filter(finding => finding.severity === severity);
	const section = (title: string, severity: string) =>
		of(severity).length === 0
			? []
			: ['', title, ...of(severity).map(({ kind, text }) => `  ${kind.padEnd(21)}${text}`)];
	return `${[
		`before  ${named(before)}: ${before.qemu}`,
		`after   ${named(after)}: ${after.qemu}`,
		`machine types keep their PMU: ${holds} (${invariant.reason})`,
		...section(`Regressions (${of('regression').length})`, 'regression'),
		...section(`Differences (${of('difference').length})`, 'difference'),
		...(qmp === null || qmp.changes.length === 0
			? []
			: ['', `QMP (${qmp.changes.length})`, ...qmp.changes.map(schemaLine)]),
		...(qmp === null ? [] : marked('newly deprecated in QMP', qmp.deprecated)),
		...(qmp === null ? [] : marked('newly unstable in QMP', qmp.unstable)),
	].join('\n')}\n`;
}

function schemaLine({ where, kind, what, breaking }: SchemaChange): string {
	return `  ${(breaking ? `${kind}!` : kind).padEnd(9)} ${where}: ${what}`;
}

function marked(title: string, places: readonly MarkedPlace[]): string[] {
	const fresh = places.filter(({ isNew }) => isNew).map(({ where }) => `  ${where}`);
	return fresh.length === 0 ? [] : ['', `${title} (${fresh.length})`, ...fresh];
}
