import test from 'ava';
import { machineVersion } from './machine-type.ts';

const table: readonly [name: string, family: string | undefined, upstream?: readonly [number, number]][] = [
	['virt-9.2', 'virt', [9, 2]],
	['virt-10.0', 'virt', [10, 0]],
	['pc-q35-4.0.1', 'pc-q35', [4, 0]],
	['pseries-2.12-sxxm', 'pseries-sxxm', [2, 12]],
	['virt-rhel9.0.0', 'virt-rhel'],
	['virt-rhel10.2.0', 'virt-rhel'],
	['pc-i440fx-rhel7.6.0', 'pc-i440fx-rhel'],
	['virt-10.1-ubuntu', 'virt-ubuntu', [10, 1]],
	['virt-8.2+azl', 'virt+azl', [8, 2]],
	['virt-noble', 'virt-noble'],
	['pc-q35-jammy-hpb', 'pc-q35-jammy-hpb'],
	['virt', undefined],
	['none', undefined],
	['sbsa-ref', undefined],
	['raspi3b', undefined],
	['xlnx-versal-virt', undefined],
	['mps2-an385', undefined],
	['ast2500-evb', undefined],
];

for (const [name, family, upstream] of table) {
	test(`the version of machine type ${name} is ${family === undefined ? 'none' : `one of ${family}`}`, t => {
		const read = machineVersion(name);
		t.is(read?.family, family);
		t.deepEqual(read?.upstream, upstream);
	});
}
