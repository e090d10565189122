import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lease } from '../../harness/protocol/lease.ts';
import type { CellSession } from '../../harness/worker/session.ts';
import { writeDeviceTree } from '../../src/board/index.ts';
import { localHost } from '../../src/host/index.ts';
import type { Counterpart } from './counterpart.ts';
import {
	addsAccelProperty,
	addsCpuProperty,
	behind,
	emulates,
	forgesTrace,
	forgetsAccelProperties,
} from './wrappers.ts';

const wrapped = (lease: Lease, script: string): Lease => ({
	...lease,
	qemu: { ...lease.qemu, command: behind(script, lease.qemu.command) },
});

const preloaded = (lease: Lease, words: string): Lease => ({
	...lease,
	qemu: {
		...lease.qemu,
		command: ['env', `LD_PRELOAD=${lease.shim}`, `VPMU_KVM_SHIM=${words}`, ...lease.qemu.command],
	},
});

const withoutBoot = async (session: CellSession) => {
	await session.startWithoutBoot();
	return undefined;
};

/** Replaces a program in the guest by a script, then counts cycles as usual. */
const countedWith = (guestPath: string, script: string) => async (session: CellSession) => {
	const guest = await session.boot();
	await guest.shell.put(`#!/bin/sh\n${script}\n`, guestPath, { mode: 0o755, timeoutMs: 20_000 });
	return await guest.count(['cycles']);
};

/** Gives QEMU its own device tree with a changed PMU, by `-dtb`. */
async function withoutPmuNode(lease: Lease, session: CellSession, owned: AsyncDisposableStack): Promise<Lease> {
	const tree = await session.deviceTree(await session.startBeside());
	const children = tree.root.children.filter(node => node.name !== 'pmu');
	const local = owned.use(await localHost().makeFolder());
	const remote = owned.use(await session.host.makeFolder());
	writeFileSync(`${local.path}/dtb`, writeDeviceTree({ ...tree, root: { ...tree.root, children } }));
	await session.host.put(`${local.path}/dtb`, `${remote.path}/dtb`);
	return wrapped(lease, `exec "$@" -dtb ${remote.path}/dtb`);
}

/** Writes into perf's output file, as perf does. */
const perfThatSays = (line: string) =>
	`while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; [ "$1" = -- ] && { shift; break; }; shift; done; "$@"; echo "${line}" >"$out"`;

/** Proofs that are false in one point each. */
export const counterparts: readonly Counterpart[] = [
	{
		name: 'no QEMU',
		lie: 'a stub that exits with status 0 replaces QEMU',
		caughtBy: ['start'],
		topology: 'uniform',
		cell: {},
		falsify: lease => ({ ...lease, qemu: { ...lease.qemu, command: ['sh', '-c', 'exit 0', 'stub'] } }),
		body: withoutBoot,
	},
	{
		name: 'a crash for a refusal',
		lie: 'QEMU must refuse an option, but is killed instead',
		caughtBy: ['start'],
		topology: 'uniform',
		cell: { pmu: 'text' },
		falsify: lease => wrapped(lease, 'kill -SEGV $$'),
		body: withoutBoot,
	},
	{
		name: 'a refusal for another reason',
		lie: 'QEMU must refuse an option, but refuses a machine type',
		caughtBy: ['start'],
		topology: 'uniform',
		cell: { pmu: 'text' },
		falsify: lease => wrapped(lease, `${forgetsAccelProperties.replace('exec "$@"', 'exec "$@" -machine none-such')}`),
		body: withoutBoot,
	},
	{
		name: 'emulation for KVM',
		lie: 'a wrapper starts QEMU with TCG although KVM was requested',
		caughtBy: ['qmp'],
		topology: 'uniform',
		cell: {},
		falsify: lease => wrapped(lease, emulates),
		body: withoutBoot,
	},
	{
		name: 'a CPU property changed afterwards',
		lie: 'the CPU reports pmu=off for a PMU that exists and counts',
		caughtBy: ['qmp'],
		topology: 'uniform',
		cell: {},
		async body(session) {
			const { qmp } = await session.startWithoutBoot();
			const [cpu] = await qmp.execute('query-cpus-fast');
			await qmp.execute('qom-set', { path: cpu!['qom-path'], property: 'pmu', value: false });
			return undefined;
		},
	},
	{
		name: 'no PMU for one',
		lie: 'a wrapper starts QEMU with -cpu pmu=off',
		caughtBy: ['qmp', 'guest'],
		topology: 'uniform',
		cell: {},
		falsify: lease => wrapped(lease, addsCpuProperty('pmu=off')),
		body: withoutBoot,
	},
	{
		name: 'a forged trace',
		lie: 'the log has a line about an event source that was never set',
		caughtBy: ['trace'],
		topology: 'uniform',
		cell: { machine: 'virt-9.2' },
		falsify: lease => wrapped(lease, forgesTrace('kvm_arm_set_pmu type 10 ret 0', 1)),
		async body(session) {
			await session.startWithoutBoot();
			await delay(3000);
			return undefined;
		},
	},
	{
		name: 'another device tree',
		lie: 'the guest gets a device tree without the PMU that QEMU made',
		caughtBy: ['guest'],
		topology: 'uniform',
		cell: {},
		falsify: withoutPmuNode,
		body: withoutBoot,
	},
	{
		name: 'a perf that invents',
		lie: "the guest's perf is replaced by one that always prints 123456789",
		caughtBy: ['perf'],
		topology: 'uniform',
		cell: {},
		body: countedWith('/usr/bin/perf', perfThatSays('123456789,,cycles,1000000,100.00,,')),
	},
	{
		name: 'a perf that counts nothing',
		lie: "the guest's perf is replaced by one that always prints 0",
		caughtBy: ['perf'],
		topology: 'uniform',
		cell: {},
		body: countedWith('/usr/bin/perf', perfThatSays('0,,cycles,1000000,100.00,,')),
	},
	{
		name: 'work that is not done',
		lie: 'the workload is replaced by a program that only prints that it is done',
		caughtBy: ['perf'],
		topology: 'uniform',
		cell: {},
		body: countedWith('/vpmu/workload', 'echo "vpmu-workload $1 $2 done"'),
	},
	{
		name: 'work that fails',
		lie: 'the workload is replaced by a program that works, but exits with status 1',
		caughtBy: ['perf'],
		topology: 'uniform',
		cell: {},
		async body(session) {
			const guest = await session.boot();
			await guest.run('cp /vpmu/workload /vpmu/work');
			await guest.shell.put('#!/bin/sh\n/vpmu/work "$@"\nexit 1\n', '/vpmu/workload', { mode: 0o755 });
			return await guest.count(['cycles']);
		},
	},
	{
		name: 'the default for an event source',
		lie: 'a wrapper makes QEMU use the default backend, which counts just as well here',
		caughtBy: ['trace'],
		needsChoice: true,
		topology: 'uniform',
		cell: {},
		falsify: lease => wrapped(lease, addsAccelProperty('backcompat-pmu=on')),
		async body(session) {
			const guest = await session.boot();
			return await guest.count(['cycles']);
		},
	},
	{
		name: 'an option forgotten',
		lie: 'a wrapper removes pmu=, so that no backend is found',
		caughtBy: ['qmp', 'trace', 'guest'],
		needsChoice: true,
		topology: 'biglittle',
		cell: { pmu: '#1' },
		falsify: lease => wrapped(lease, forgetsAccelProperties),
		body: withoutBoot,
	},
	{
		name: 'a kernel that lies about event sources',
		lie: 'SET_PMU gets another event source than QEMU requested, and everything reports success',
		caughtBy: ['perf'],
		needsChoice: true,
		topology: 'biglittle',
		cell: { pmu: '#0' },
		falsify: (lease, { place: { pmus } }) => preloaded(lease, `types=${pmus[0]!.type}:${pmus[1]!.type}`),
		async body(session) {
			const away = session.place.groups[1]!;
			const guest = await session.boot({ affinity: away });
			return await guest.count(['cycles'], { pinned: away });
		},
		// Without the lie, the guest cannot even boot there.
		async control(session) {
			const home = session.place.groups[0]!;
			session.requiredCpus = home;
			const guest = await session.boot({ affinity: home });
			return await guest.count(['cycles'], { pinned: home });
		},
	},
	{
		name: 'a kernel that lies about fixed counters',
		lie: 'a shim reports that the kernel has set fixed counters only, but the guest has all counters',
		caughtBy: ['guest'],
		needsChoice: true,
		isForetold: true,
		topology: 'biglittle',
		cell: {},
		// The prediction gets the same lie: what is false is that it works.
		falsify(lease) {
			const facts = { ...lease.facts, kvm: { ...lease.facts.kvm, attribute5: 'yes' as const } };
			return { ...preloaded(lease, 'fixed-counters-only'), facts };
		},
		async body(session) {
			session.requiredCpus = session.place.home;
			const guest = await session.boot({ affinity: session.place.home });
			return await guest.count(['cycles'], { pinned: session.place.home });
		},
	},
];
