import type { CellResult, CellStatus, Results } from '../../run/results.ts';
import { cellOf, nasty, resultsWith } from './results.ts';

const topologies = ['uniform', 'biglittle', 'biglittle-swapped', 'three-clusters', 'no-pmu'];
const cases = [
	'choice/default',
	'choice/each-event-source',
	'compat/machine-versions',
	'counting/slope',
	'counting/moved',
];
const machines = ['virt', 'virt-9.2', 'virt-10.0'];
const qemus = ['debian:trixie', '/opt/patched/qemu-system-aarch64'];

/** A fake host with two kinds of CPUs. */
const cpus: NonNullable<CellResult['cpus']> = {
	...{ online: '0-7', allowed: '0-7' },
	pmus: [
		{ name: 'armv8_cortex_a53', type: 8, cpus: '0-3' },
		{ name: 'armv8_cortex_a72', type: 9, cpus: '4-7' },
	],
};
const counting = Object.fromEntries(
	Array.from({ length: 8 }, (_, cpu) => [cpu, cpu < 4 ? 'counts' : 'stops'] as const),
);
const because = [
	'KVM can be told which event source to use (SET_PMU)',
	'no event source covers all CPUs (0-7)',
	'backcompat-pmu is on, so virt-9.2 keeps KVM\u2019s default, which may or may not count',
];

/** A fake run of so many cells, some of each status, with counts, moves, disagreements and kernel reports. */
export function fakeRun(count: number): Results {
	return resultsWith(Array.from({ length: count }, (_, index) => fakeCell(index)));
}

function fakeCell(index: number): CellResult {
	const statuses: readonly CellStatus[] = ['pass', 'pass', 'pass', 'pass', 'xfail', 'pass', 'skip', 'pass', 'pass'];
	const status = index === 3 ? 'fail' : index === 11 ? 'error' : index === 20 ? 'xpass' : statuses[index % 9]!;
	const [topology, name] = [topologies[index % 5]!, cases[Math.floor(index / 5) % 5]!];
	const [machine, qemu] = [machines[Math.floor(index / 25) % 3]!, qemus[Math.floor(index / 75) % 2]!];
	const variant = Math.floor(index / 150);
	const id = `${name}[${topology},${qemu},${machine}${variant === 0 ? '' : `,vcpus=${variant + 1}`}]`;
	const samples = Array.from({ length: 5 }, (_, at) => ({
		count: `${180_000_000 + ((index * 7 + at * 13) % 29) * 1_000_000}`,
		doubled: `${362_000_000 + ((index * 5 + at * 11) % 31) * 1_000_000}`,
	}));
	const least = (of: 'count' | 'doubled') => `${Math.min(...samples.map(sample => Number(sample[of])))}`;
	return cellOf(status, {
		...{ id, case: name, machine, cpus },
		on: { host: `board:${topology}`, topology, kernel: '6.12.57' },
		qemu: { version: '10.0.13', path: qemu, hasPmuChoice: qemu.startsWith('/') },
		reason: status === 'pass' ? null : reasonOf(status),
		blame: status === 'fail' ? 'qemu' : status === 'error' ? 'board' : null,
		predicted: status === 'skip' ? null : { backend: 'default', rule: 'backcompat', because, counting },
		observed:
			status === 'skip' || status === 'error'
				? null
				: {
						backend: status === 'fail' ? 'event-source' : 'default',
						...(status === 'fail' ? { type: 9 } : {}),
						layers: {
							qmp: 'KVM enabled, CPU property pmu true, running',
							trace: status === 'fail' ? 'type 9 ret 0, type 9 ret 0' : 'nothing was set',
							guest: '/pmu node, 7 counters; 3 of 3 readings counted',
						},
					},
		...(status === 'fail'
			? {
					disagreements: [
						...[{ layer: 'trace', check: 'trace-lines', expected: '0 lines of kvm_arm_set_pmu', seen: 'there are 2' }],
						...[{ layer: 'guest-kernel', check: 'kernel-trouble', expected: 'a kernel without trouble', seen: nasty }],
					],
				}
			: {}),
		perf: ['skip', 'error'].includes(status)
			? []
			: [
					{
						...{ event: 'cycles', state: 'counted', runningPct: 100, pinned: '0-3', samples },
						...{ count: least('count'), doubled: least('doubled') },
					},
					{ event: 'cycles', state: 'counted', count: '0', doubled: '0', runningPct: 100, pinned: '4-7' },
				],
		...(name === 'counting/moved' && status !== 'skip' && status !== 'error'
			? {
					moved: [
						{
							...{ event: 'cycles', intervalMs: 250 },
							stays: [
								{ pinned: '0-3', counts: ['61000000', '62500000', '61700000'] },
								{ pinned: '4-7', counts: ['0', '0', '0'] },
								{ pinned: '0-3', counts: ['60900000', null, '61100000'] },
								{ pinned: '8', counts: [], refused: 'vCPU 0 KVM_EXIT_FAIL_ENTRY' },
							],
						},
					],
				}
			: {}),
		timings: { spawnMs: 41, greetingMs: 180, shellMs: 5200, totalMs: 11_000 + (index % 17) * 700 },
		logs: {
			guest: {
				...{ unread: null, known: [] },
				reports:
					status === 'fail' ? [{ name: 'oops null-dereference', lines: ['Unable to handle kernel NULL', nasty] }] : [],
			},
			...{ host: null, qemu: { events: [], stderr: status === 'fail' ? ['qemu: warning: <b>odd</b>'] : [] } },
		},
	});
}

function reasonOf(status: CellStatus): string {
	if (status === 'fail') return 'trace: expected 0 lines of kvm_arm_set_pmu, but there are 2';
	if (status === 'error') return 'the board did not answer in 60.0 s | last line of its console | ssh: connect refused';
	if (status === 'skip') return 'needs a host with two PMUs; this one has one';
	return 'D1: KVM\u2019s default PMU belongs to one kind of CPU, so counters stop when the vCPU leaves it';
}
