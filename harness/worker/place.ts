import { createHash } from 'node:crypto';
import type { Connections, Host } from '../../src/host/index.ts';
import { VpmuError } from '../../src/lib/index.ts';
import {
	type CpuPmu,
	type HostFacts,
	hostModel,
	type PmuSettings,
	type Prediction,
	predictBackend,
	type Simulation,
	simulate,
} from '../../src/pmu/index.ts';
import { pmuOn } from '../plan/groups.ts';
import type { Known } from '../plan/matrix.ts';
import type { Cell } from '../plan/plan.ts';
import { simulations } from '../plan/simulations.ts';
import type { Lease } from '../protocol/lease.ts';
import { settingsOf } from './start/settings.ts';
import { type BesideOptions, leaseOf, type StartOptions } from './start/spec.ts';

/** A cell's host as seen by QEMU, simulated capabilities included, and what QEMU must choose there. */
export class CellPlace {
	readonly #cell: Cell;
	readonly #lease: Lease;
	#host: Host | undefined;
	#facts: HostFacts;
	#simulation: Pick<Simulation, 'within' | 'around'> = { within: [], around: [] };
	#shimLog: string | undefined;
	#settings: PmuSettings | undefined;
	#prediction: Prediction | undefined;

	constructor(cell: Cell, lease: Lease) {
		this.#cell = cell;
		this.#lease = lease;
		this.#facts = lease.facts;
	}

	/** Connects to the host. The caller gives the connection back. @throws HostError */
	async attach(connections: Connections): Promise<Host> {
		this.#host = await connections.take(this.#lease.host);
		return this.#host;
	}

	/** Starts the simulation that the cell asks for, if any. The caller owns it. @throws VpmuError */
	async simulate(): Promise<AsyncDisposable | undefined> {
		const { simulate: name } = this.#cell;
		if (name === null) return undefined;
		const description = simulations[name];
		if (description === undefined) throw new VpmuError(`no simulation '${name}'`, { blame: 'harness' });
		const { facts, shim: shimPath } = this.#lease;
		const simulation = await simulate(this.host, description, { facts, shimPath });
		this.#facts = simulation.facts;
		this.#simulation = simulation;
		this.#shimLog = simulation.shimLog;
		return simulation;
	}

	get host(): Host {
		return this.#host!;
	}

	/** The host's facts, simulated ones included. */
	get facts(): HostFacts {
		return this.#facts;
	}

	/** What the simulation puts around a QEMU. */
	get simulation(): Pick<Simulation, 'within' | 'around'> {
		return this.#simulation;
	}

	/** Returns what a simulation's KVM shim has recorded, one line each; empty without one. */
	async shimLog(): Promise<readonly string[]> {
		if (this.#shimLog === undefined) return [];
		const log = await this.host.read(this.#shimLog, { timeoutMs: 10_000, maxBytes: 1 << 20, untrusted: true });
		return log.toString().split('\n').filter(Boolean);
	}

	/** PMUs of the host's CPUs, by type. */
	get pmus(): readonly CpuPmu[] {
		return hostModel(this.#facts).pmus;
	}

	/** Groups of host CPUs on which a vCPU counts with the same PMU, as CPU lists, ordered by their first CPU. */
	get groups(): readonly string[] {
		return hostModel(this.#facts).groups.map(group => `${group.cpus}`);
	}

	/** Returns the PMU of a group; the one registered first if several cover it. */
	pmuOn(group: string): CpuPmu | undefined {
		return pmuOn(group, hostModel(this.#facts));
	}

	/** Picks a group of host CPUs to start on. It varies between cells, so that parallel cells do not all use one CPU. */
	get home(): string {
		const { groups } = this;
		return groups[createHash('sha256').update(this.#cell.id).digest()[0]! % groups.length]!;
	}

	/** Sets the prediction to that for a start of the cell's own machine. */
	expectStart(options: StartOptions): void {
		this.#settings = settingsOf(this.#cell, this.#lease, this.#facts, options);
		this.#prediction = predictBackend(this.#facts, this.#settings);
	}

	/** The settings of the last start; `undefined` if nothing was predicted. */
	get settings(): PmuSettings | undefined {
		return this.#settings;
	}

	/** The prediction for the settings of the last start; `undefined` if nothing was predicted. */
	get prediction(): Prediction | undefined {
		return this.#prediction;
	}

	/** Predicts the choice for a start with other settings than the cell's. */
	predict(options: BesideOptions): Prediction {
		return predictBackend(this.#facts, settingsOf(this.#cell, leaseOf(this.#lease, options), this.#facts, options));
	}

	/** Host CPUs (list format) on which a vCPU of the cell can run; empty if none is known. */
	get runnableCpus(): string {
		const { counting } = this.#prediction!;
		return Object.keys(counting)
			.filter(cpu => counting[Number(cpu)] !== 'cannot-run')
			.join(',');
	}

	/** What is known of the cell, for requirements and expected failures. */
	get known(): Known {
		const { version } = this.#lease.qemu;
		const { machine, pmu, cpu, variant, topology } = this.#cell;
		const hasPmuChoice = this.#lease.inspection.pmuChoice.has === true;
		const { facts, pmus, groups } = this;
		const prediction = this.#prediction!;
		return {
			...{ facts, topology, pmus, groups, prediction },
			qemu: { version, hasPmuChoice },
			machine,
			pmu,
			cpu,
			variant,
		};
	}
}
