import { caseFolders } from '../../harness/plan/case-files.ts';
import { collectCases } from '../../harness/plan/collect.ts';
import { planCells } from '../../harness/plan/plan.ts';
import { boardsByTopology, topologyNames } from '../../harness/plan/select.ts';
import { simulations } from '../../harness/plan/simulations.ts';
import type { Lease } from '../../harness/protocol/lease.ts';
import { tellingHosts } from '../../harness/worker/hosts/telling.ts';
import { settingsOf } from '../../harness/worker/start/settings.ts';
import { type Layout, layOut, loadTopology } from '../../src/board/topology.ts';
import { CpuSet, type HostFacts, hostModel, simulatedFacts } from '../../src/pmu/index.ts';
import { host, none, source } from '../../src/pmu/testing/facts.ts';
import type { Situation } from './neighbours.ts';

/** The deciding facts of a board. `topologies.full.ts` compares them with real boards. */
export function factsOf({ pmus, cpus, offline, topology }: Layout): HostFacts {
	const all = new CpuSet([[0, cpus - 1]]);
	const online = all.minus(CpuSet.of(...offline));
	const listed =
		pmus === 'none'
			? []
			: pmus === 'stock'
				? [source('armv8_pmuv3', 10, `${all}`, 'platform/pmu')]
				: pmus.map(({ node, compatible, cpus: covered }, index) => {
						const name = `armv8_${/^arm,(.*)-pmu$/.exec(compatible)![1]!.replaceAll('-', '_')}`;
						return source(name, 10 + index, `${CpuSet.of(...covered)}`, `platform/${node}`);
					});
	const model = hostModel(host(listed));
	const able = model.pmus.reduce((set, pmu) => set.or(pmu.cpus), new CpuSet()).and(online);
	const setPmuTypes = Object.fromEntries([
		...[1, 5].map(type => [type, 'ENXIO']),
		...model.pmus.map(pmu => [pmu.type, 'ok']),
	]);
	const facts = host(listed, {
		...{ possible: `${all}`, online: `${online}` },
		kvm: listed.length === 0 ? none.kvm : { setPmuTypes, vcpuInitCpus: `${able}` },
	});
	return {
		...facts,
		...{ host: `board:${topology.name}`, topology: topology.name },
		// A process may run on all CPUs, including offline ones once they come online.
		cpus: { ...facts.cpus, allowed: { text: `${all}\n` } },
	};
}

const machines = [
	{ name: 'virt-10.0', alias: 'virt', backcompatPmu: false },
	{ name: 'virt-9.2', alias: null, backcompatPmu: true },
];
const lease = {
	qemu: { version: '10.0.13' },
	inspection: { machines, pmuChoice: { has: true, evidence: [] } },
} as unknown as Lease;

/** What the cells of `choice/*` start on their boards, by cell id; telling hosts individually. */
export async function situations(): Promise<Situation[]> {
	const boards = new Map<string, HostFacts>();
	for (const name of topologyNames()) boards.set(name, factsOf(layOut(await loadTopology(name))));
	const { declarations } = await collectCases(caseFolders({ cwd: '/', env: {} }));
	const cells = planCells(declarations, {
		...{ cases: ['choice/*'], on: 'board', all: true, qemus: ['patched'], tcgQemus: [], choices: { patched: true } },
		boards: boardsByTopology(),
	});
	const started = cells
		.filter(cell => cell.skip === null && cell.accel === 'kvm')
		.flatMap((cell): Situation[] => {
			const real = boards.get(cell.topology ?? 'uniform')!;
			const facts = cell.simulate === null ? real : simulatedFacts(real, simulations[cell.simulate]!);
			const group = hostModel(facts).groups[0];
			const affinity = cell.case === 'choice/default' ? `${group?.cpus}` : undefined;
			try {
				return [{ title: cell.id, facts, settings: settingsOf(cell, lease, facts, { affinity }) }];
			} catch {
				// The board lacks the named event source, so the cell is skipped.
				return [];
			}
		});
	const uniform = boards.get('uniform')!;
	const telling = tellingHosts(10, { hasPmuChoice: true, version: '10.0.13', machineBackcompatPmu: false });
	return [
		...started,
		...telling.map(({ title, case: { description, settings } }) => ({
			title: `choice/telling-hosts: ${title}`,
			facts: simulatedFacts(uniform, description),
			settings,
		})),
	];
}
