import test from 'ava';
import type { DeviceNode, DeviceTree } from '../../src/board/index.ts';
import { deviceTreeChanges, deviceTreeLines } from './observe.ts';

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
