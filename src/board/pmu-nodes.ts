import { type DeviceNode, type DeviceTree, readWords, words } from './flattened.ts';
import type { Layout } from './topology.ts';

/** A CPU's private interrupt for performance monitors, from Arm's Base System Architecture: PPI 7, interrupt ID 23. */
const pmuPpi = 7;
/** Interrupt specifiers of the GIC's binding: type of interrupt and trigger. */
const spi = 0;
const ppi = 1;
const levelHigh = 4;
/** Shared lines from this number on are free on QEMU's `virt`. */
const firstFreeSpi = 100;

/**
 * Replaces the PMU in a board's device tree with those of a layout. Leaves a layout with the emulator's own PMU unchanged.
 *
 * @throws RangeError for a tree that is not QEMU's `virt` with a GICv3
 */
export function setPmus(tree: DeviceTree, layout: Layout): void {
	const { root } = tree;
	if (typeof layout.pmus === 'string') return;
	const at = root.children.findIndex(node => node.name === 'pmu' || node.name.startsWith('pmu@'));
	const phandles = new PhandleSource(root);
	const cpuHandles = cpuNodes(root).map(node => phandles.of(node));
	if (cpuHandles.length !== layout.cpus) {
		throw new RangeError(`the device tree has ${cpuHandles.length} CPUs, not ${layout.cpus}`);
	}
	const partitions = layout.pmus.some(pmu => pmu.overflow === 'ppi') ? addPartitions(root, phandles) : undefined;
	let nextSpi = firstFreeSpi;
	const nodes = layout.pmus.map(pmu => {
		const affinity = pmu.cpus.map(cpu => cpuHandles[cpu]!);
		const properties = new Map<string, Buffer>([['compatible', Buffer.from(`${pmu.compatible}\0`)]]);
		if (pmu.overflow === 'ppi') {
			properties.set('interrupts', words(ppi, pmuPpi, levelHigh, partitions!.add(pmu.node, affinity)));
		} else {
			const cells = pmu.cpus.flatMap(() => [spi, nextSpi++, levelHigh, ...(partitions === undefined ? [] : [0])]);
			properties.set('interrupts', words(...cells));
			properties.set('interrupt-affinity', words(...affinity));
		}
		return { name: pmu.node, properties, children: [] } satisfies DeviceNode;
	});
	root.children.splice(at === -1 ? root.children.length : at, at === -1 ? 0 : 1, ...nodes);
}

/** Finds and allocates phandles. */
class PhandleSource {
	#highest: number;

	constructor(root: DeviceNode) {
		this.#highest = 0;
		visit(root, node => {
			const handle = phandleOf(node);
			// The highest numbers have special meanings (0 and 0xffffffff mean none).
			if (handle !== undefined && handle < 0xffff_0000) this.#highest = Math.max(this.#highest, handle);
		});
	}

	/** Returns the node's phandle, and assigns one if it has none. */
	of(node: DeviceNode): number {
		const present = phandleOf(node);
		if (present !== undefined) return present;
		this.#highest++;
		node.properties.set('phandle', words(this.#highest));
		return this.#highest;
	}
}

function phandleOf(node: DeviceNode): number | undefined {
	const value = node.properties.get('phandle') ?? node.properties.get('linux,phandle');
	return value?.length === 4 ? value.readUInt32BE(0) : undefined;
}

function visit(node: DeviceNode, call: (node: DeviceNode) => void): void {
	call(node);
	for (const child of node.children) visit(child, call);
}

function cpuNodes(root: DeviceNode): DeviceNode[] {
	const cpus = root.children.find(node => node.name === 'cpus');
	const found = cpus?.children.filter(node => /^cpu@/.test(node.name)) ?? [];
	const unit = (node: DeviceNode) => Number.parseInt(node.name.slice(4), 16);
	return found.sort((a, b) => unit(a) - unit(b));
}

/**
 * Extends the GIC's interrupt specifiers from three cells to four (Linux, arm,gic-v3.yaml: the fourth names a partition
 * of CPUs for a PPI, 0 for none) everywhere in the tree, and adds a node for partitions to the GIC.
 */
function addPartitions(root: DeviceNode, phandles: PhandleSource) {
	const gic = root.children.find(node => node.properties.get('compatible')?.toString().includes('arm,gic-v3'));
	if (gic === undefined) throw new RangeError('the device tree has no GICv3');
	const gicHandle = phandles.of(gic);
	if (readWords(gic.properties.get('#interrupt-cells') ?? words(0))[0] !== 3) {
		throw new RangeError("the device tree's GICv3 has no interrupt specifiers of three cells");
	}
	gic.properties.set('#interrupt-cells', words(4));
	widen(root, gicHandle, undefined, readWords(gic.properties.get('#address-cells') ?? words(0))[0]!);
	const holder: DeviceNode = { name: 'ppi-partitions', properties: new Map(), children: [] };
	gic.children.push(holder);
	return {
		add(name: string, affinity: readonly number[]): number {
			const node: DeviceNode = {
				name: `interrupt-partition-${name}`,
				properties: new Map([['affinity', words(...affinity)]]),
				children: [],
			};
			holder.children.push(node);
			return phandles.of(node);
		},
	};
}

function widen(node: DeviceNode, gic: number, inherited: number | undefined, gicAddressCells: number): void {
	const own = node.properties.get('interrupt-parent');
	const parent = own === undefined ? inherited : own.readUInt32BE(0);
	const interrupts = node.properties.get('interrupts');
	// The controller's own interrupts (maintenance) use its format too.
	const belongs = parent === gic || phandleOf(node) === gic;
	if (interrupts !== undefined && belongs)
		node.properties.set('interrupts', words(...widenEach(readWords(interrupts))));
	const map = node.properties.get('interrupt-map');
	if (map !== undefined) {
		const addressCells = readWords(node.properties.get('#address-cells') ?? words(0))[0]!;
		const interruptCells = readWords(node.properties.get('#interrupt-cells') ?? words(0))[0]!;
		const before = addressCells + interruptCells + 1 + gicAddressCells;
		const cells = readWords(map);
		const wide: number[] = [];
		for (let at = 0; at < cells.length; at += before + 3) {
			if (cells[at + addressCells + interruptCells] !== gic) throw new RangeError('an interrupt-map to two parents');
			wide.push(...cells.slice(at, at + before + 3), 0);
		}
		node.properties.set('interrupt-map', words(...wide));
	}
	if (node.properties.has('interrupts-extended')) throw new RangeError(`interrupts-extended in node '${node.name}'`);
	for (const child of node.children) widen(child, gic, parent, gicAddressCells);
}

function widenEach(cells: readonly number[]): number[] {
	if (cells.length % 3 !== 0) throw new RangeError('interrupts that are not of three cells each');
	return cells.flatMap((cell, index) => (index % 3 === 2 ? [cell, 0] : [cell]));
}
