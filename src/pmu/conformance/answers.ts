import { VpmuError } from '../../lib/errors.ts';
import { parseCpuList } from '../cpu-list.ts';
import { errnoName } from '../probe/kvm-answers.ts';

/** What a host's KVM answered. */
export interface Answers {
	/** As `uname -r` prints it. */
	readonly release: string;
	/** Answers by the id of their check: an errno, a register or a count. */
	readonly values: ReadonlyMap<string, bigint>;
	/** Guest code that could not be run, or did not end: errno, by the id of the check. */
	readonly failed: ReadonlyMap<string, bigint>;
	/** Type of the PMU that vCPUs got, and of another that covers other CPUs. */
	readonly home: number | undefined;
	readonly elsewhere: number | undefined;
	/** Whether attribute 5 is that of the fixed counters. */
	readonly hasFixed: boolean;
	/** Whether another event source covers the CPU of the first one: of such two, one loses the counters' interrupts. */
	readonly isShared: boolean;
	/** The numbers of the first PMU's events, as sysfs lists them. */
	readonly events: ReadonlySet<number>;
}

/**
 * Parses the output of the script. Returns `undefined` if it is cut off.
 * @throws VpmuError (blame `host`) if the host's KVM cannot be used, or offers guests no PMU
 */
export function parseAnswers(host: string, printed: string): Answers | undefined {
	const begin = printed.startsWith('vpmu-conformance-script 1\n')
		? 0
		: printed.indexOf('\nvpmu-conformance-script 1\n');
	if (begin === -1) return undefined;
	const lines = printed.slice(begin).split('\n');
	const words = lines.map(line => line.split(' '));
	const after = (name: string) => words.find(([first]) => first === name)?.[1];
	const refuse = (why: string) => new VpmuError(`KVM on ${host} cannot be asked: ${why}`, { blame: 'host' });

	if (lines.includes('kvm-absent')) throw refuse('there is no /dev/kvm');
	const machine = words.find(([first]) => first === 'uname')?.[2] ?? '';
	if (machine !== 'aarch64') throw refuse(`/dev/kvm of this machine (${machine}) says nothing about Arm guests`);
	const opened = after('open');
	if (opened === undefined || !lines.includes('end')) return undefined;
	if (opened !== '0') throw refuse(`/dev/kvm cannot be opened: ${errnoName(opened)}`);
	if (after('cap-pmu-v3') !== '1') throw refuse('it offers guests no PMU (KVM_CAP_ARM_PMU_V3 is 0)');

	const numbers = (kind: string) =>
		new Map(
			words
				.filter(([first, id, value]) => first === kind && id !== undefined && /^\d{1,20}$/.test(value ?? ''))
				.map(([, id, value]) => [id!, BigInt(value!)] as const),
		);
	const typeOf = (name: string) => {
		const type = after(name);
		return type === undefined || !/^\d{1,10}$/.test(type) ? undefined : Number(type);
	};
	const home = typeOf('home');
	const homeCpu = words.find(([first]) => first === 'home')?.[2] ?? '';
	const covering = words.filter(([first, , cpus]) => first === 'source' && covers(cpus ?? '', homeCpu));
	return {
		release: after('uname') ?? '',
		values: numbers('check'),
		failed: numbers('failed'),
		home,
		elsewhere: typeOf('elsewhere'),
		hasFixed: after('fixed') === '1',
		isShared: covering.length > 1,
		events: new Set(
			words
				.filter(([first, type]) => first === 'event' && type === String(home))
				.map(([, , number]) => (/^0x[0-9a-f]{1,4}$/.test(number ?? '') ? Number(number) : -1)),
		),
	};
}

function covers(cpus: string, cpu: string): boolean {
	if (!/^\d{1,4}$/.test(cpu)) return false;
	try {
		return parseCpuList(cpus).has(Number(cpu));
	} catch {
		return false;
	}
}
