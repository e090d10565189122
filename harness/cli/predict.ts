import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, UsageError } from '../../src/lib/index.ts';
import {
	type Counting,
	CpuSet,
	type PmuSettings,
	type Prediction,
	parseCpuList,
	parseHostFacts,
	predictBackend,
} from '../../src/pmu/index.ts';
import type { CommandContext } from '../usage/context.ts';
import { unknownName } from '../usage/unknown-name.ts';
import type { Command } from './command.ts';

const onOff = ['on', 'off'] as const;

export const command: Command = {
	name: 'predict',
	summary: 'Says which PMU backend a guest must get on a host with these facts, why, and on which host CPUs it counts.',
	usage: '--facts FILE|- --machine TYPE [--qemu-has-choice yes|no] [--pmu TYPE] ...',
	options: {
		facts: { value: 'FILE', help: "what 'vpmu probe --json' printed; - for standard input" },
		machine: { value: 'TYPE', help: 'machine type, such as virt or virt-9.2 (default: virt)' },
		pmu: { value: 'TYPE', help: '-accel kvm,pmu=TYPE: the perf event source to use' },
		'qemu-has-choice': { value: 'yes|no', choices: ['yes', 'no'], help: 'whether QEMU can choose (default: yes)' },
		'qemu-version': { value: 'VERSION', help: 'what decides which machine types are old, such as 10.0.13' },
		'backcompat-pmu': { value: 'on|off', choices: onOff, help: '-accel kvm,backcompat-pmu=' },
		'cpu-pmu': { value: 'on|off', choices: onOff, help: '-cpu ...,pmu=' },
		cpu: { value: 'MODEL', help: 'CPU model (default: host; with TCG max)' },
		accel: { value: 'kvm|tcg', choices: ['kvm', 'tcg'], help: 'accelerator (default: kvm)' },
		vcpus: { value: 'N', help: 'number of vCPUs (default: 1)' },
		affinity: { value: 'LIST', help: 'host CPUs that QEMU may run on, such as 0-3,8 (default: those of the facts)' },
		json: { help: 'the prediction as one JSON document' },
	},
	async run(context, { options }) {
		const given = options as Readonly<Record<string, string | undefined>>;
		if (given.facts === undefined) {
			throw new UsageError(
				"'vpmu predict' needs --facts FILE: what 'vpmu probe --json' printed, or - for standard input",
			);
		}
		const facts = parseHostFacts(
			await readFacts(context, given.facts),
			given.facts === '-' ? 'standard input' : given.facts,
		);
		const prediction = predictBackend(facts, settingsOf(given));
		context.stdout.write(options.json === true ? `${JSON.stringify(prediction, null, 2)}\n` : inWords(prediction));
		return 0;
	},
};

async function readFacts(context: CommandContext, file: string): Promise<string> {
	if (file === '-') return await text(context.stdin);
	try {
		return await readFile(path.resolve(context.cwd, file), 'utf8');
	} catch (error) {
		throw new UsageError(`facts file '${file}' of option '--facts' cannot be read: ${messageOf(error)}`, {
			cause: error,
		});
	}
}

function settingsOf(given: Readonly<Record<string, string | undefined>>): PmuSettings {
	const machine = given.machine ?? 'virt';
	if (!/^[\w.-]+$/.test(machine)) {
		throw new UsageError(`machine type '${machine}' of option '--machine' is not a name such as virt or virt-9.2`);
	}
	const version = given['qemu-version'];
	if (version !== undefined && !/^\d+\.\d+/.test(version)) {
		throw new UsageError(`version '${version}' of option '--qemu-version' is not one such as 10.0.13`);
	}
	const vcpus = given.vcpus === undefined ? undefined : Number(given.vcpus);
	if (vcpus !== undefined && !(Number.isInteger(vcpus) && vcpus >= 1 && vcpus <= 512)) {
		throw new UsageError(`'${given.vcpus}' of option '--vcpus' is not a number of vCPUs from 1 to 512`);
	}
	if (given.affinity !== undefined && parseCpuList(given.affinity).size === 0) {
		throw new UsageError("the list of option '--affinity' names no CPU; allowed are lists such as 0-3,8");
	}
	const backcompat = given['backcompat-pmu'];
	const cpuPmu = given['cpu-pmu'];
	const accel = given.accel ?? 'kvm';
	if (accel !== 'kvm' && accel !== 'tcg') throw unknownName('value', accel, "of option '--accel'", ['kvm', 'tcg']);
	return {
		machine,
		accel,
		...(given.pmu === undefined ? {} : { pmu: given.pmu }),
		...(backcompat === undefined ? {} : { backcompatPmu: backcompat === 'on' }),
		...(cpuPmu === undefined ? {} : { cpuPmu: cpuPmu === 'on' }),
		...(given.cpu === undefined ? {} : { cpu: given.cpu }),
		...(vcpus === undefined ? {} : { vcpus }),
		...(given.affinity === undefined ? {} : { affinity: given.affinity }),
		qemu: { hasPmuChoice: given['qemu-has-choice'] !== 'no', ...(version === undefined ? {} : { version }) },
	};
}

/** The prediction for people. */
export function inWords(prediction: Prediction): string {
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
		...prediction.disagreements.map(({ finding, code }) => `posted code (${finding}): ${code}`),
	].join('\n')}\n`;
}

function countingWords(counting: Counting): string {
	if (typeof counting !== 'string') return `unknown: ${counting.unknown}`;
	return {
		counts: 'vCPUs run and count',
		stops: 'vCPUs run, their counters stand still',
		'cannot-run': 'vCPUs cannot run',
		'no-pmu': 'vCPUs run without a PMU',
	}[counting];
}
