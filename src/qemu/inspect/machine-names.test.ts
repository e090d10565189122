import test from 'ava';
import { listMachines } from './machine-names.ts';

const all = [
	'virt-8.2',
	'virt-9.0',
	'virt-9.1',
	'virt-9.2',
	'virt-10.0',
	'raspi3b',
	'none',
	'pc-q35-9.0',
	'pc-q35-9.1',
];

test('consecutive versions are a range; others are listed individually', t => {
	t.is(listMachines(['virt-8.2', 'virt-9.0', 'virt-9.1', 'virt-9.2'], all), 'virt-8.2 to virt-9.2 (4)');
	t.is(listMachines(['virt-10.0', 'virt-8.2', 'virt-9.0', 'virt-9.1'], all), 'virt-8.2, virt-9.0, virt-9.1, virt-10.0');
	t.is(listMachines(['virt-9.0', 'virt-9.1'], all), 'virt-9.0, virt-9.1');
	t.is(listMachines(all, all), 'none, pc-q35-9.0, pc-q35-9.1, raspi3b, virt-8.2 to virt-10.0 (5)');
	t.is(listMachines([], all), '');
});

test("a distribution's machine types are a separate family", t => {
	const rhel = ['virt-rhel9.0.0', 'virt-rhel9.2.0', 'virt-rhel9.4.0', 'virt-rhel9.6.0'];
	t.is(listMachines([...rhel, 'virt-9.2'], [...all, ...rhel]), 'virt-9.2, virt-rhel9.0.0 to virt-rhel9.6.0 (4)');
});
