import type { Host } from '../../host/host.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';
import { eitherSignal } from '../../lib/waiting/either-signal.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import type { Machine } from '../machine/machine.ts';
import { startMachine } from '../machine/start.ts';
import { startProcess } from '../process/process.ts';
import type { Accelerator, MachineSpec } from '../spec.ts';
import { Asker } from './ask.ts';
import type { Answer, CompatProperty, Inspection, MachineType, ObjectProperty } from './inspection.ts';
import { compareNames } from './machine-names.ts';
import {
	byAcceleratorProperties,
	byCommandLine,
	byCompatProperties,
	byTraceEvent,
	combineEvidence,
	compatBoolean,
	pmuTraceEvent,
} from './pmu-choice.ts';

export interface InspectOptions extends WaitOptions {
	/** Timeout of each question; a start has that of {@link startMachine}. Default 10 s. */
	readonly timeoutMs?: number | undefined;
	/** `auto` (default): KVM if it works, else TCG, else `qtest`, so that every build answers on every host. */
	readonly accel?: Accelerator | 'auto';
	/** CPU models to expand; by default `max`, and `host` where KVM runs. */
	readonly cpuModels?: readonly string[];
	/** Also ask for the QMP schema (about 256 KiB). */
	readonly qmpSchema?: boolean;
}

/**
 * Asks a QEMU everything that it can report without a guest (machine type `none`, no vCPU), in one start. Two questions get a
 * separate QEMU: the one that kills a build with the PMU choice under KVM, and the one asked on the command line.
 *
 * @throws QemuError when it cannot be started; HostError; the signal's reason. A question that fails is an answer, not an
 *   error
 */
export async function inspectQemu(
	host: Host,
	qemu: { readonly command: readonly string[]; readonly label?: string },
	options: InspectOptions = {},
): Promise<Inspection> {
	const startedAt = performance.now();
	const { signal, timeoutMs = 10_000 * contention(), accel = 'auto' } = options;
	const limits = { signal, timeoutMs };
	const start = () => startMachine(host, emptyMachine(qemu.command, accel), { signal });
	await using asker = new Asker(start, limits);
	await using sacrifice = new Asker(start, limits);

	const machine = await asker.machine();
	const { version } = machine.qmp.greeting;
	const asked = askCommandLine(host, qemu.command, limits);
	asked.catch(() => undefined);

	const types = await asker.ask<readonly { name: string }[]>('qom-list-types', { implements: 'accel' });
	const typeNames = 'answer' in types ? types.answer.map(({ name }) => name).filter(name => name !== 'accel') : [];
	const accelerators = await askAccelerators(asker, machine, typeNames);
	const underKvm = accelerators.kvm?.enabled === true;
	// Under KVM this starts a second QEMU, in parallel with the other questions.
	const dangerous =
		underKvm && typeNames.includes('kvm-accel') ? askProperties(sacrifice, 'kvm-accel') : Promise.resolve(undefined);
	dangerous.catch(() => undefined);

	const acceleratorProperties: Record<string, Answer<readonly ObjectProperty[]>> = {};
	for (const name of typeNames) {
		if (name !== 'kvm-accel' || !underKvm) acceleratorProperties[name] = await askProperties(asker, name);
	}
	const machines = await askMachines(asker);
	const target = await asker.ask<{ arch: string }>('query-target');
	const cpuModels: Record<string, Answer<Readonly<Record<string, unknown>>>> = {};
	for (const name of options.cpuModels ?? (underKvm ? ['host', 'max'] : ['max'])) {
		cpuModels[name] = await askCpuModel(asker, name);
	}
	const event = await asker.ask('trace-event-get-state', { name: pmuTraceEvent });
	const qmpSchema = options.qmpSchema === true ? await asker.ask('query-qmp-schema') : undefined;
	const kvmProperties = await dangerous;
	if (kvmProperties !== undefined) acceleratorProperties['kvm-accel'] = kvmProperties;

	const evidence = [
		byTraceEvent(event),
		byCompatProperties(machines),
		byAcceleratorProperties(acceleratorProperties['kvm-accel']),
		byCommandLine(await asked),
	];
	return {
		schema: 'vpmu-inspect/1',
		qemu: qemu.label ?? qemu.command.join(' '),
		command: qemu.command,
		host: host.name,
		version: `${version.qemu.major}.${version.qemu.minor}.${version.qemu.micro}`,
		package: version.package,
		target: 'answer' in target ? target.answer.arch : null,
		accelerators,
		acceleratorProperties,
		machines,
		cpuModels,
		pmuChoice: { has: combineEvidence(evidence), evidence },
		deaths: [...asker.deaths, ...sacrifice.deaths],
		timings: { greetingMs: machine.timings.greetingMs, totalMs: performance.now() - startedAt },
		...(qmpSchema === undefined ? {} : { qmpSchema }),
	};
}

/** A spec without machine, CPU and memory. With `auto`, QEMU tries the accelerators in turn. */
function emptyMachine(command: readonly string[], accel: Accelerator | 'auto'): MachineSpec {
	return {
		qemu: { command },
		machine: 'none',
		accel: accel === 'auto' ? 'kvm' : accel,
		...(accel === 'auto' ? { extra: ['-accel', 'tcg', '-accel', 'qtest'] } : {}),
		cpu: '',
		vcpus: 0,
		memoryMiB: 0,
		paused: true,
	};
}

async function askAccelerators(
	asker: Asker,
	machine: Machine,
	typeNames: readonly string[],
): Promise<Inspection['accelerators']> {
	const kvm = await asker.ask<{ present: boolean; enabled: boolean }>('query-kvm');
	const all = await asker.ask<{ enabled: string; present: readonly string[] }>('query-accelerators');
	const kvmState = 'answer' in kvm ? kvm.answer : null;
	const notes = machine.process.stderrLines().filter(line => /accel|kvm|falling back/i.test(line));
	if ('answer' in all) return { ...all.answer, from: 'query-accelerators', kvm: kvmState, notes };
	// Before 10.2: each built-in accelerator has a QOM type. The first one that works runs, in the order of the command line.
	const present = typeNames.filter(name => name.endsWith('-accel')).map(name => name.slice(0, -'-accel'.length));
	const enabled = kvmState?.enabled === true ? 'kvm' : present.includes('tcg') ? 'tcg' : null;
	return { enabled, present, from: 'qom-list-types', kvm: kvmState, notes };
}

async function askProperties(asker: Asker, typename: string): Promise<Answer<readonly ObjectProperty[]>> {
	const answer = await asker.ask<readonly Record<string, unknown>[]>('qom-list-properties', { typename });
	if (!('answer' in answer)) return answer;
	const properties = answer.answer.map(entry => ({
		name: String(entry.name),
		type: String(entry.type),
		...(entry.description === undefined ? {} : { description: String(entry.description) }),
		...(entry['default-value'] === undefined ? {} : { defaultValue: entry['default-value'] }),
	}));
	return { answer: properties.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

interface WireMachine {
	readonly name: string;
	readonly alias?: string;
	readonly 'is-default'?: boolean;
	readonly deprecated?: boolean;
	readonly 'cpu-max': number;
	readonly 'default-cpu-type'?: string;
	readonly 'compat-props'?: readonly {
		readonly 'qom-type': string;
		readonly property: string;
		readonly value: string;
	}[];
}

async function askMachines(asker: Asker): Promise<Answer<readonly MachineType[]>> {
	const full = await asker.ask<readonly WireMachine[]>('query-machines', { 'compat-props': true });
	// QEMU before 9.1 does not know the argument.
	const known = 'refused' in full ? await asker.ask<readonly WireMachine[]>('query-machines') : full;
	if (!('answer' in known)) return known;
	return { answer: known.answer.map(readMachine).sort((a, b) => compareNames(a.name, b.name)) };
}

function readMachine(wire: WireMachine): MachineType {
	const compatProperties: readonly CompatProperty[] | null =
		wire['compat-props']?.map(entry => ({
			qomType: entry['qom-type'],
			property: entry.property,
			value: entry.value,
		})) ?? null;
	return {
		name: wire.name,
		alias: wire.alias ?? null,
		isDefault: wire['is-default'] ?? false,
		deprecated: wire.deprecated ?? false,
		cpuMax: wire['cpu-max'],
		defaultCpuType: wire['default-cpu-type'] ?? null,
		compatProperties,
		backcompatPmu:
			compatProperties === null ? null : (compatBoolean(compatProperties, 'kvm-accel', 'backcompat-pmu') ?? false),
	};
}

async function askCpuModel(asker: Asker, name: string): Promise<Answer<Readonly<Record<string, unknown>>>> {
	const args = { type: 'full', model: { name } };
	const answer = await asker.ask<{ model: { props?: Record<string, unknown> } }>('query-cpu-model-expansion', args);
	if (!('answer' in answer)) return answer;
	const properties = Object.entries(answer.answer.model.props ?? {});
	return { answer: Object.fromEntries(properties.sort(([a], [b]) => compareNames(a, b))) };
}

/** Returns QEMU's reaction to an impossible value of a property that it may or may not have. QEMU exits by itself. */
async function askCommandLine(
	host: Host,
	command: readonly string[],
	{ signal, timeoutMs }: WaitOptions,
): Promise<readonly string[]> {
	const argv = [...command, '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'none', '-S'];
	await using process = await startProcess(host, [...argv, '-accel', 'kvm,pmu=x'], { budgets: { termMs: 1000 } });
	const deadline = AbortSignal.timeout(timeoutMs ?? 10_000 * contention());
	using either = eitherSignal(signal, deadline);
	const ended = either.signal;
	await Promise.race([
		process.deathError('its command line was read'),
		new Promise(resolve => ended.addEventListener('abort', resolve, { once: true })),
	]);
	signal?.throwIfAborted();
	return process.stderrLines();
}
