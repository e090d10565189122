import test from 'ava';
import type { DeviceNode, DeviceTree } from '../../../src/board/index.ts';
import type { Host } from '../../../src/host/index.ts';
import type { Machine } from '../../../src/qemu/index.ts';
import { askMachine, askQmp, deviceTreeChanges, deviceTreeLines, dumpDeviceTree, readPmuTrace } from './observe.ts';

const node = (name: string, properties: Record<string, string> = {}, children: DeviceNode[] = []): DeviceNode => ({
	name,
	properties: new Map(Object.entries(properties).map(([key, value]) => [key, Buffer.from(value)])),
	children,
});
const tree = (...children: DeviceNode[]): DeviceTree => ({
	root: node('', {}, children),
	reservations: [],
	bootCpu: 0,
});

test('the differences of two device trees are the lines that only one has', t => {
	const [before, after] = [tree(node('cpus', { a: 'x' })), tree(node('cpus', { a: 'y' }), node('pmu', { b: '' }))];
	t.deepEqual(deviceTreeChanges(before, after), ['- /cpus/a=78', '+ /cpus/a=79', '+ /pmu/', '+ /pmu/b=']);
	t.deepEqual(deviceTreeChanges(after, after), []);
	const seeded = (value: string) => tree(node('chosen', { 'rng-seed': value, 'kaslr-seed': value, bootargs: 'a' }));
	t.deepEqual(deviceTreeChanges(seeded('1'), seeded('2')), []);
});

test('the order of nodes is not a difference, but an empty node is', t => {
	t.deepEqual(deviceTreeChanges(tree(node('a'), node('b')), tree(node('b'), node('a'))), []);
	t.deepEqual(deviceTreeChanges(tree(), tree(node('a'))), ['+ /a/']);
	t.deepEqual(deviceTreeLines(tree(node('a'))), ['/', '/a/']);
});

/** A machine whose QMP gives these answers; an error is thrown. */
function answering(answers: Readonly<Record<string, unknown>>): Machine {
	const execute = async (command: string, args?: { readonly path?: string; readonly property?: string }) => {
		const answer = answers[[command, args?.path, args?.property].filter(part => part !== undefined).join(' ')];
		if (answer instanceof Error) throw answer;
		return answer;
	};
	return { qmp: { execute }, logPath: '/run/machine/qemu.log' } as unknown as Machine;
}

const answers = {
	'query-kvm': { enabled: true, present: true },
	'query-cpus-fast': [{ 'qom-path': '/cpu0' }, { 'qom-path': '/cpu1' }],
	'qom-get /cpu0 pmu': true,
	'qom-get /cpu1 pmu': false,
	'query-status': { status: 'running' },
	'qom-get /machine type': 'virt-10.0-machine',
	'qom-get /cpu0 type': 'host-arm-cpu',
	'qom-get /cpu1 type': 'max-arm-cpu',
	'query-memory-size-summary': { 'base-memory': 268_435_456 },
	'query-chardev': [
		{ label: 'qmp', filename: 'unix:x' },
		{ label: 'console', filename: 'unix:y' },
	],
};

test('what QMP says of the PMU is taken as it is; only a property that does not exist is absent', async t => {
	const kvm = { enabled: true, present: true };
	t.deepEqual(await askQmp(answering(answers)), { kvm, cpuPmu: true, runState: 'running' });
	t.deepEqual(await askQmp(answering(answers), null), { kvm, cpuPmu: true, runState: 'running' });
	t.deepEqual(await askQmp(answering(answers), false), {
		...{ kvm, cpuPmu: true, runState: 'running', machineBackcompatPmu: false },
	});
	const missing = { ...answers, 'qom-get /cpu0 pmu': new Error("Property 'host-arm-cpu.pmu' not found") };
	t.is((await askQmp(answering(missing))).cpuPmu, 'absent');
	const broken = { ...answers, 'qom-get /cpu0 pmu': new Error('connection lost') };
	await t.throwsAsync(askQmp(answering(broken)), { message: 'connection lost' });
});

test('the machine is asked of QEMU in all its parts', async t => {
	const whole = {
		...{ vcpus: 2, memoryBytes: 268_435_456, machineType: 'virt-10.0-machine' },
		...{ cpuTypes: ['host-arm-cpu', 'max-arm-cpu'], consoleConnected: true },
	};
	t.deepEqual(await askMachine(answering(answers)), whole);
	const consoles = (...list: object[]) => askMachine(answering({ ...answers, 'query-chardev': list }));
	t.is((await consoles({ label: 'console', filename: 'disconnected:unix:y' })).consoleConnected, false);
	t.is((await consoles({ label: 'qmp', filename: 'disconnected:unix:x' })).consoleConnected, null);
});

test('the trace of the choice is read by event', async t => {
	const events = [
		{ event: 'kvm_arm_set_pmu', numbers: { type: 10, ret: 0 } },
		{ event: 'kvm_arm_set_pmu_fixed_counters_only', numbers: { ret: -22 } },
		{ event: 'kvm_arm_fixup_msi_route', numbers: { iova: 1 } },
	];
	const machine = { readLog: async () => ({ events }) } as unknown as Machine;
	const seen = { setPmu: [{ type: 10, ret: 0 }], setFixedCountersOnly: [{ ret: -22 }] };
	t.deepEqual(await readPmuTrace(machine, true), { events: 'known', ...seen });
	t.deepEqual(await readPmuTrace(machine, false), { events: 'unknown', ...seen });
});

test('the device tree is written before it is read, beside the log', async t => {
	const asked: string[] = [];
	const execute = async (command: string, args: object) => void asked.push(`${command} ${JSON.stringify(args)}`);
	const read = async (file: string) => {
		asked.push(`read ${file}`);
		return Buffer.from('not a device tree');
	};
	const machine = { qmp: { execute }, logPath: '/run/machine/qemu.log' } as unknown as Machine;
	await t.throwsAsync(dumpDeviceTree(machine, { read } as unknown as Host));
	t.deepEqual(asked, ['dumpdtb {"filename":"/run/machine/dtb"}', 'read /run/machine/dtb']);
});
