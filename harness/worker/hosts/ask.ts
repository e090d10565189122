import path from 'node:path';
import { VpmuError } from '../../../src/lib/index.ts';
import { type CpuPmu, type FindingId, findings, type HostFacts, hostModel } from '../../../src/pmu/index.ts';
import { type CaseContext, sessionOf } from '../context.ts';
import type { CellSession } from '../session.ts';
import { chooseOnHosts, type HostsReport, type NamedHost, sentencesOf, summaryOf } from './choose.ts';
import { randomHost } from './random.ts';
import { tellingHosts } from './telling.ts';

/**
 * Asks the cell's QEMU to choose on simulated hosts without booting a guest, and demands the predicted choices. Hosts
 * are `random` (as many as the run asks for) or `telling` (chosen so that a wrong fact or a wrong rule order shows).
 * Known findings are unmet demands too; they begin with `finding`. Differences are written to `hosts.json`.
 *
 * @throws VpmuError (blame `host`) if hosts cannot be simulated there, or the host does not answer
 */
export async function chooseOn(context: CaseContext, which: 'random' | 'telling'): Promise<HostsReport> {
	const cell = sessionOf(context);
	const { lease, host, facts } = cell;
	const { qemu, slowness, artifacts, shim } = lease;
	const hosts = which === 'random' ? randomHosts(cell) : telling(cell);
	const { stdout } = await host.run(['id', '-u'], { timeoutMs: 30_000 * slowness });
	const file = path.join(artifacts, 'hosts.json');
	const report = await chooseOnHosts(host, hosts, {
		...{ facts, slowness, file, shimPath: shim, root: stdout.toString().trim() === '0' },
		qemu: { [qemu.version]: qemu.command },
	});
	cell.attach('hosts', file);
	cell.note(summaryOf(report));
	for (const sentence of sentencesOf(report)) cell.unmet(sentence);
	for (const [id, times] of Object.entries(report.findings)) {
		cell.unmet(`finding ${id} on ${times} of ${report.asked} hosts: ${findings[id as FindingId]}`);
	}
	return report;
}

function randomHosts({ cell, facts, lease }: CellSession): NamedHost[] {
	const { count, seed } = cell.random;
	const pmu = firstPmu(facts);
	return Array.from({ length: count }, (_, index) => ({
		title: `host ${index} of seed ${seed} (--random 1 --seed ${seed + index})`,
		case: randomHost(seed, index, lease, pmu.type),
	}));
}

function telling({ facts, lease }: CellSession): readonly NamedHost[] {
	const qemu = { hasPmuChoice: true, version: lease.qemu.version, machineBackcompatPmu: false };
	return tellingHosts(firstPmu(facts).type, qemu);
}

/** Returns the real event source that stands in for simulated ones. */
function firstPmu(facts: HostFacts): CpuPmu {
	const [pmu] = hostModel(facts).pmus;
	if (pmu !== undefined) return pmu;
	throw new VpmuError(`${facts.host} has no PMU that could stand in for simulated ones`, { blame: 'host' });
}
