import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../lib/errors.ts';

/**
 * The CPUs of a PMU: `all`, a list in the kernel's format (`0-1,3`), or a range of fractions of the board's CPUs
 * (`[0, 0.5]` is the first half), which fits any number of CPUs.
 */
export type CpuChoice = 'all' | string | readonly [from: number, to: number];

/** One PMU of a board, as a node of its device tree. */
export interface TopologyPmu {
	/** Name of the device tree node. It determines the kernel's device path, and so the order among PMUs. */
	readonly node: string;
	/** `compatible` string, such as `arm,cortex-a53-pmu`; the kernel derives the event source's name from it. */
	readonly compatible: string;
	readonly cpus: CpuChoice;
	/**
	 * How overflow interrupts are wired. `ppi`: as on silicon, through a partition of PPI 7 in the interrupt controller's
	 * node, so they arrive. `spi`: to lines that are never raised; PMUs that share a CPU cannot be wired otherwise.
	 */
	readonly overflow: 'ppi' | 'spi';
}

/** A board's CPUs and PMUs. Stored as a JSON file under `images/topologies/`. */
export interface Topology {
	readonly name: string;
	/** One line for `vpmu board list`. */
	readonly summary: string;
	/** Default number of CPUs. */
	readonly cpus: number;
	/** `stock`: the emulator's own single PMU; `none`: CPUs without a PMU; or nodes, in tree order. */
	readonly pmus: 'stock' | 'none' | readonly TopologyPmu[];
	/** CPUs that are taken offline after the board has booted, as a list. */
	readonly offline?: string;
}

/** Largest number of CPUs of a board: a small limit, within one GICv3 redistributor region. */
export const maximumCpus = 8;

const shipped = path.resolve(import.meta.dirname, '../../images/topologies');

/** Lists the names of the available topologies. */
export async function listTopologies(folder = shipped): Promise<string[]> {
	const names = await readdir(folder);
	return names
		.filter(name => name.endsWith('.json'))
		.map(name => name.slice(0, -5))
		.sort();
}

/** Reads a topology by name. @throws UsageError for an unknown name or a file that is not a topology */
export async function loadTopology(name: string, folder = shipped): Promise<Topology> {
	const known = await listTopologies(folder);
	if (!known.includes(name)) {
		throw new UsageError(`unknown topology '${name}'; allowed: ${known.join(', ')}`);
	}
	const file = path.join(folder, `${name}.json`);
	let value: unknown;
	try {
		value = JSON.parse(await readFile(file, 'utf8'));
	} catch (cause) {
		throw new UsageError(`topology '${name}': ${file} is not JSON: ${(cause as Error).message}`, { cause });
	}
	return checkTopology(value, name);
}

/** Resolves a CPU choice on a board of `count` CPUs, in ascending order. @throws UsageError if it selects none */
export function chosenCpus(choice: CpuChoice, count: number): number[] {
	const all = Array.from({ length: count }, (_, index) => index);
	if (choice === 'all') return all;
	if (typeof choice !== 'string') {
		const [from, to] = choice;
		return all.filter(cpu => cpu >= Math.round(from * count) && cpu < Math.round(to * count));
	}
	const chosen = new Set<number>();
	for (const part of choice.split(',')) {
		const match = /^(\d+)(?:-(\d+))?$/.exec(part);
		const first = Number(match?.[1]);
		const last = Number(match?.[2] ?? match?.[1]);
		if (match === null || last < first) throw new UsageError(`'${choice}' is not a list of CPUs, such as '0-1,3'`);
		for (let cpu = first; cpu <= last; cpu++) chosen.add(cpu);
	}
	const beyond = [...chosen].find(cpu => cpu >= count);
	if (beyond !== undefined) throw new UsageError(`CPU ${beyond} of '${choice}': the board has only ${count} CPUs`);
	return [...chosen].sort((a, b) => a - b);
}

/** A topology for a fixed number of CPUs, with its PMUs' CPUs as numbers. */
export interface Layout {
	readonly topology: Topology;
	readonly cpus: number;
	readonly pmus: 'stock' | 'none' | readonly (Omit<TopologyPmu, 'cpus'> & { readonly cpus: readonly number[] })[];
	readonly offline: readonly number[];
}

/** Lays a topology out over `cpus` CPUs. @throws UsageError if it does not fit that number */
export function layOut(topology: Topology, cpus = topology.cpus): Layout {
	const named = `topology '${topology.name}'`;
	if (!Number.isInteger(cpus) || cpus < 1 || cpus > maximumCpus) {
		throw new UsageError(`${named} with ${cpus} CPUs; allowed: 1 to ${maximumCpus}`);
	}
	const offline = topology.offline === undefined ? [] : chosenCpus(topology.offline, cpus);
	if (offline.includes(0)) throw new UsageError(`${named}: CPU 0 cannot be offline, the board boots on it`);
	if (typeof topology.pmus === 'string') return { topology, cpus, pmus: topology.pmus, offline };
	const pmus = topology.pmus.map(pmu => {
		const chosen = chosenCpus(pmu.cpus, cpus);
		if (chosen.length === 0) {
			throw new UsageError(`${named} with ${cpus} CPUs leaves no CPU for '${pmu.node}'; use more CPUs`);
		}
		return { ...pmu, cpus: chosen };
	});
	const partitioned = pmus.filter(pmu => pmu.overflow === 'ppi').flatMap(pmu => pmu.cpus);
	const shared = partitioned.find((cpu, index) => partitioned.indexOf(cpu) !== index);
	if (shared !== undefined) {
		throw new UsageError(
			`${named}: two PMUs with overflow 'ppi' share CPU ${shared}, but a CPU belongs to one partition; use 'spi'`,
		);
	}
	return { topology, cpus, pmus, offline };
}

/** Checks that a parsed value is a topology. @throws UsageError naming what is wrong */
export function checkTopology(value: unknown, name: string): Topology {
	const wrong = (what: string): never => {
		throw new UsageError(`topology '${name}': ${what}`);
	};
	const known = (object: Record<string, unknown>, allowed: readonly string[], where: string) => {
		const unknown = Object.keys(object).find(key => !allowed.includes(key));
		if (unknown !== undefined) wrong(`unknown field '${unknown}'${where}; allowed: ${allowed.join(', ')}`);
	};
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong('is not a JSON object');
	const { summary, cpus, pmus, offline, ...rest } = value as Record<string, unknown>;
	known(rest, [], '');
	if (typeof summary !== 'string' || summary === '') return wrong("'summary' must be a line of text");
	if (typeof cpus !== 'number') return wrong("'cpus' must be a number");
	if (offline !== undefined && typeof offline !== 'string') return wrong("'offline' must be a list such as '2-3'");
	const base = { name, summary, cpus, ...(offline === undefined ? {} : { offline }) };
	if (pmus === 'stock' || pmus === 'none') return check({ ...base, pmus });
	if (!Array.isArray(pmus)) return wrong("'pmus' must be 'stock', 'none' or a list");
	const seen = new Set<unknown>();
	for (const [index, pmu] of pmus.entries()) {
		const where = ` of PMU ${index}`;
		if (typeof pmu !== 'object' || pmu === null) return wrong(`PMU ${index} is not an object`);
		known(pmu, ['node', 'compatible', 'cpus', 'overflow'], where);
		const { node, compatible, overflow } = pmu;
		const cpuChoice = pmu.cpus;
		if (typeof node !== 'string' || !/^pmu[\w,.+-]{0,27}$/.test(node)) {
			return wrong(`'node'${where} must begin with 'pmu' and be at most 30 letters, digits and , . _ + -`);
		}
		if (seen.has(node)) return wrong(`two PMUs are named '${node}'`);
		seen.add(node);
		if (typeof compatible !== 'string' || !/^[\w,.-]+$/.test(compatible)) {
			return wrong(`'compatible'${where} must be a text such as 'arm,cortex-a53-pmu'`);
		}
		const isPart =
			Array.isArray(cpuChoice) &&
			cpuChoice.length === 2 &&
			cpuChoice.every(part => typeof part === 'number' && part >= 0 && part <= 1);
		if (typeof cpuChoice !== 'string' && !isPart) {
			return wrong(`'cpus'${where} must be 'all', a list such as '0-1', or two fractions such as [0, 0.5]`);
		}
		if (overflow !== 'ppi' && overflow !== 'spi') return wrong(`'overflow'${where} must be 'ppi' or 'spi'`);
	}
	return check({ ...base, pmus: pmus as TopologyPmu[] });
}

function check(topology: Topology): Topology {
	layOut(topology);
	return topology;
}
