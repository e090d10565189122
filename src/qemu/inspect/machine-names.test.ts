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

test('versions without a gap are a range; others are named one by one', t => {
	t.is(listMachines(['virt-8.2', 'virt-9.0', 'virt-9.1', 'virt-9.2'], all), 'virt-8.2 to virt-9.2 (4)');
	t.is(listMachines(['virt-10.0', 'virt-8.2', 'virt-9.0', 'virt-9.1'], all), 'virt-8.2, virt-9.0, virt-9.1, virt-10.0');
	t.is(listMachines(['virt-9.0', 'virt-9.1'], all), 'virt-9.0, virt-9.1');
	t.is(listMachines(all, all), 'none, pc-q35-9.0, pc-q35-9.1, raspi3b, virt-8.2 to virt-10.0 (5)');
	t.is(listMachines([], all), '');
});
