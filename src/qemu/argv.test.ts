import test from 'ava';
import fc from 'fast-check';
import { UsageError } from '../lib/errors.ts';
import { buildArgv, escapeComma, type MachinePaths, optionText, smallVirt } from './argv.ts';
import type { MachineSpec } from './spec.ts';

const paths: MachinePaths = { qmp: '/s/q', console: '/s/c', log: '/s/log', ports: { agent: '/s/p0', data: '/s/p1' } };
const spec: MachineSpec = {
	qemu: { command: ['qemu'] },
	machine: 'virt',
	accel: 'kvm',
	cpu: 'host',
	vcpus: 2,
	memoryMiB: 512,
};

/** Returns the values of all occurrences of an option. */
const values = (argv: readonly string[], option: string) =>
	argv.flatMap((word, i) => (word === option ? [argv[i + 1]] : []));

test('a guest that is only asked has QMP and nothing else', t => {
	t.deepEqual(buildArgv(spec, paths), [
		...['qemu', '-nodefaults', '-no-user-config', '-display', 'none', '-S'],
		...['-machine', 'virt', '-accel', 'kvm', '-cpu', 'host', '-smp', '2', '-m', '512M', '-no-reboot'],
		...['-chardev', 'socket,id=qmp,path=/s/q,server=on,wait=off', '-mon', 'chardev=qmp,mode=control'],
		...['-D', '/s/log'],
	]);
});

test('a guest with a kernel has a console', t => {
	const argv = buildArgv({ ...spec, kernel: '/k,1', initrd: '/i', append: 'a=b,c', dtb: '/d' }, paths);
	t.deepEqual(values(argv, '-kernel'), ['/k,1']);
	t.deepEqual(values(argv, '-initrd'), ['/i']);
	t.deepEqual(values(argv, '-append'), ['a=b,c']);
	t.deepEqual(values(argv, '-dtb'), ['/d']);
	t.deepEqual(values(argv, '-serial'), ['chardev:console']);
	t.true(values(argv, '-chardev').includes('socket,id=console,path=/s/c,server=on,wait=off'));
	t.deepEqual(values(buildArgv({ ...spec, kernel: '/k', console: false }, paths), '-serial'), []);
	t.deepEqual(values(buildArgv({ ...spec, console: true }, paths), '-serial'), ['chardev:console']);
});

test('on request QEMU waits for the peer of its last socket, and announces it', t => {
	const announced = { ...paths, announced: true };
	const waiting = (argv: readonly string[]) =>
		values(argv, '-chardev').map(value => /id=(\w+),.*wait=(\w+)$/.exec(value!)!.slice(1, 3).join(' '));
	t.deepEqual(waiting(buildArgv(spec, announced)), ['qmp on']);
	t.deepEqual(waiting(buildArgv({ ...spec, console: true, ports: ['agent'] }, announced)), [
		...['qmp off', 'port0 off', 'console on'],
	]);
	t.deepEqual(waiting(buildArgv({ ...spec, console: true }, paths)), ['qmp off', 'console off']);
});

test('properties of machine, accelerator and CPU', t => {
	const argv = buildArgv(
		{
			...spec,
			machineProperties: smallVirt,
			accelProperties: { pmu: 18446744073709551615n, 'backcompat-pmu': false },
			cpuProperties: { pmu: false },
		},
		paths,
	);
	t.deepEqual(values(argv, '-machine'), ['virt,gic-version=3,its=off']);
	t.deepEqual(values(argv, '-accel'), ['kvm,pmu=18446744073709551615,backcompat-pmu=off']);
	t.deepEqual(values(argv, '-cpu'), ['host,pmu=off']);
});

test('without a machine there is no CPU, number of CPUs or memory', t => {
	const argv = buildArgv({ ...spec, machine: 'none', cpu: '', vcpus: 0, memoryMiB: 0 }, paths);
	t.deepEqual([...values(argv, '-cpu'), ...values(argv, '-smp'), ...values(argv, '-m')], []);
});

test('traces and log items share one file', t => {
	const argv = buildArgv({ ...spec, trace: ['kvm_arm_set_pmu*', 'kvm_device_ioctl'], logItems: ['unimp'] }, paths);
	t.deepEqual(values(argv, '-trace'), ['kvm_arm_set_pmu*', 'kvm_device_ioctl']);
	t.deepEqual(values(argv, '-d'), ['unimp']);
	t.deepEqual(values(argv, '-D'), ['/s/log']);
});

test('each port has a chardev of its own', t => {
	const argv = buildArgv({ ...spec, ports: ['agent', 'data'] }, paths);
	t.deepEqual(values(argv, '-device'), [
		'virtio-serial-pci,id=ports,max_ports=3,vectors=0',
		'virtserialport,chardev=port0,name=agent',
		'virtserialport,chardev=port1,name=data',
	]);
	t.true(values(argv, '-chardev').includes('socket,id=port1,path=/s/p1,server=on,wait=off'));
});

test('other options: reboot, icount, and extra arguments last', t => {
	const argv = buildArgv({ ...spec, accel: 'tcg', reboot: true, icountShift: 1, extra: ['-incoming', 'defer'] }, paths);
	t.false(argv.includes('-no-reboot'));
	t.deepEqual(values(argv, '-icount'), ['shift=1']);
	t.deepEqual(argv.slice(-2), ['-incoming', 'defer']);
});

for (const [name, wrong] of Object.entries<Partial<MachineSpec>>({
	'qemu.command is empty': { qemu: { command: [] } },
	"machine is ''": { machine: '' },
	'vcpus is 1.5': { vcpus: 1.5 },
	'memoryMiB is -1': { memoryMiB: -1 },
	"only accel 'tcg' can count": { icountShift: 1 },
	"trace pattern 'a,b'": { trace: ['a,b'] },
	"log item 'a,b'": { logItems: ['a,b'] },
	"port name 'a/b'": { ports: ['a/b'] },
	"property name 'a=b'": { cpuProperties: { 'a=b': 1 } },
})) {
	test(`refused: ${name}`, t => {
		const error = t.throws(() => buildArgv({ ...spec, ...wrong }, paths), { instanceOf: UsageError });
		t.true(error.message.includes(name), error.message);
	});
}

test('property: a value with any commas is read back unchanged', t => {
	t.notThrows(() =>
		fc.assert(
			fc.property(fc.array(fc.stringMatching(/^[a-z,=]{0,8}$/), { minLength: 1, maxLength: 4 }), texts => {
				const text = optionText('head', Object.fromEntries(texts.map((value, index) => [`p${index}`, value])));
				// QEMU's parsing (QemuOpts): a doubled comma is a comma, a single one ends the value.
				const read = [...text.matchAll(/((?:[^,]|,,)*)(?:,|$)/gy)].map(match => match[1]!.replaceAll(',,', ','));
				if (!text.endsWith(',') || text.endsWith(',,')) read.splice(texts.length + 1);
				return JSON.stringify(read) === JSON.stringify(['head', ...texts.map((value, index) => `p${index}=${value}`)]);
			}),
		),
	);
	t.is(escapeComma('a,b'), 'a,,b');
});
