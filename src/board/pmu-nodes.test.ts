import test from 'ava';
import { type DeviceNode, readWords, words } from './flattened.ts';
import { setPmus } from './pmu-nodes.ts';
import { layOut, loadTopology } from './topology.ts';

const node = (name: string, properties: Record<string, Buffer>, children: DeviceNode[] = []): DeviceNode => ({
	name,
	properties: new Map(Object.entries(properties)),
	children,
});

/** The relevant parts of QEMU's `virt` tree. */
const virt = (cpus: number) => ({
	root: node('', { 'interrupt-parent': words(0x8002), '#address-cells': words(2) }, [
		node('pcie@10000000', {
			'#address-cells': words(3),
			'#interrupt-cells': words(1),
			'interrupt-map-mask': words(0x1800, 0, 0, 7),
			'interrupt-map': words(...[0, 0, 0, 1, 0x8002, 0, 0, 0, 3, 4], ...[0, 0, 0, 2, 0x8002, 0, 0, 0, 4, 4]),
		}),
		node('gpio-keys', { 'interrupt-parent': words(0x8004), interrupts: words(3, 1) }),
		node('pmu', { compatible: Buffer.from('arm,armv8-pmuv3\0'), interrupts: words(1, 7, 4) }),
		node('intc@8000000', {
			phandle: words(0x8002),
			compatible: Buffer.from('arm,gic-v3\0'),
			'#interrupt-cells': words(3),
			'#address-cells': words(2),
			interrupts: words(1, 9, 4),
		}),
		node(
			'cpus',
			{},
			Array.from({ length: cpus }, (_, index) => node(`cpu@${index}`, { reg: words(index) })),
		),
		node('timer', { interrupts: words(1, 13, 4, 1, 14, 4) }),
	]),
	reservations: [],
	bootCpu: 0,
});

const find = (root: DeviceNode, name: string): DeviceNode => {
	const found =
		root.children.find(child => child.name === name) ??
		root.children.map(c => c.children.find(d => d.name === name)).find(Boolean);
	if (found === undefined) throw new Error(`no ${name}`);
	return found;
};
const cells = (of: DeviceNode, property: string) => readWords(of.properties.get(property)!);

test("the emulator's own PMU is not changed", async t => {
	const tree = virt(2);
	setPmus(tree, layOut(await loadTopology('uniform')));
	t.deepEqual(tree, virt(2));
});

test('PMUs take the place of the old one, in the order of the description', async t => {
	for (const [name, order] of [
		['biglittle', ['pmu-little', 'pmu-big']],
		['biglittle-swapped', ['pmu-big', 'pmu-little']],
	] as const) {
		const tree = virt(2);
		setPmus(tree, layOut(await loadTopology(name)));
		t.deepEqual(
			tree.root.children.map(child => child.name).filter(child => child.startsWith('pmu')),
			[...order],
		);
	}
});

test('with PPI partitions, every interrupt of the GIC has four cells, and no other interrupt has', async t => {
	const tree = virt(2);
	setPmus(tree, layOut(await loadTopology('biglittle')));
	const { root } = tree;
	const gic = find(root, 'intc@8000000');
	t.deepEqual(cells(gic, '#interrupt-cells'), [4]);
	t.deepEqual(cells(gic, 'interrupts'), [1, 9, 4, 0]);
	t.deepEqual(cells(find(root, 'timer'), 'interrupts'), [1, 13, 4, 0, 1, 14, 4, 0]);
	t.deepEqual(cells(find(root, 'gpio-keys'), 'interrupts'), [3, 1]);
	t.deepEqual(cells(find(root, 'pcie@10000000'), 'interrupt-map'), [
		...[0, 0, 0, 1, 0x8002, 0, 0, 0, 3, 4, 0],
		...[0, 0, 0, 2, 0x8002, 0, 0, 0, 4, 4, 0],
	]);
	const partitions = find(gic, 'ppi-partitions').children;
	t.is(partitions.length, 2);
	for (const [index, pmu] of ['pmu-little', 'pmu-big'].entries()) {
		const partition = partitions[index]!;
		t.deepEqual(cells(find(root, pmu), 'interrupts'), [1, 7, 4, cells(partition, 'phandle')[0]]);
		t.deepEqual(cells(partition, 'affinity'), cells(find(root, `cpu@${index}`), 'phandle'));
	}
});

test('PMUs that share CPUs get separate shared lines, one for each CPU', async t => {
	const tree = virt(2);
	setPmus(tree, layOut(await loadTopology('overlap')));
	const { root } = tree;
	t.deepEqual(cells(find(root, 'intc@8000000'), '#interrupt-cells'), [3]);
	const handles = [0, 1].map(cpu => cells(find(root, `cpu@${cpu}`), 'phandle')[0]);
	t.deepEqual(cells(find(root, 'pmu-b'), 'interrupts'), [0, 100, 4, 0, 101, 4]);
	t.deepEqual(cells(find(root, 'pmu-a'), 'interrupts'), [0, 102, 4, 0, 103, 4]);
	for (const name of ['pmu-a', 'pmu-b']) t.deepEqual(cells(find(root, name), 'interrupt-affinity'), handles);
});

test('a tree with another number of CPUs is refused', async t => {
	const layout = layOut(await loadTopology('biglittle'), 4);
	t.throws(() => setPmus(virt(2), layout), { instanceOf: RangeError, message: /2 CPUs, not 4/ });
});
