import type { DeviceTree } from '../../src/board/index.ts';
import type { Host } from '../../src/host/index.ts';
import type { CpuPmu, GuestReading, Observations, Prediction } from '../../src/pmu/index.ts';
import type { Machine, MachineType } from '../../src/qemu/index.ts';
import type { Cell } from '../plan/plan.ts';
import type { LeasedQemu } from '../protocol/lease.ts';
import type { Guest } from './guest/guest.ts';
import type { HostCount } from './guest/host-side.ts';
import type { CellSession } from './session.ts';
import type { BesideOptions, StartOptions } from './start/spec.ts';

/** A QEMU as seen by a case. */
export interface CaseQemu {
	/** The command that starts it on the cell's host. */
	readonly command: readonly string[];
	/** As named by the user: a path, or `debian:SUITE`. */
	readonly label: string;
	readonly version: string;
	readonly hasPmuChoice: boolean;
	readonly machines: readonly MachineType[];
}

const sessions = new WeakMap<VmContext, CellSession>();

/** The session behind the context, for functions that harness/test.ts exports beside it. */
export const sessionOf = (context: VmContext): CellSession => sessions.get(context)!;

/** The context of a `vmTest` case: starts machines of one cell on its host. Everything started ends with the cell. */
export class VmContext {
	readonly #session: CellSession;

	constructor(session: CellSession) {
		this.#session = session;
		sessions.set(this, session);
	}

	/**
	 * This cell's choice for each axis of the matrix (`machine`, `accel`, `cpu`, `vcpus`, `variant` and so on), and its
	 * `id`.
	 */
	get axes(): Cell {
		return this.#session.cell;
	}

	/** The host of the machines: run commands, copy files, make folders. */
	get host(): Host {
		return this.#session.host;
	}

	/** The QEMU under test. */
	get qemu(): CaseQemu {
		return qemuOf(this.#session.lease);
	}

	/** The QEMU to compare with; `undefined` if the matrix has no `reference`. */
	get reference(): CaseQemu | undefined {
		const { reference } = this.#session.lease;
		return reference === undefined ? undefined : qemuOf(reference);
	}

	/** Boots the cell's guest; resolves when its shell answers. @throws QemuError, GuestError, DeadlineError */
	boot(options?: StartOptions): Promise<Guest> {
		return this.#session.boot(options);
	}

	/**
	 * Starts the cell's QEMU with the vCPUs stopped and no kernel. QMP answers; costs a fifth of a boot. @throws
	 * QemuError
	 */
	startWithoutBoot(options?: StartOptions): Promise<Machine> {
		return this.#session.startWithoutBoot(options);
	}

	/**
	 * Starts another machine. `reference: true`: with the other QEMU; `boot: true`: with the guest's kernel. @throws
	 * QemuError
	 */
	startBeside(options?: BesideOptions): Promise<Machine> {
		return this.#session.startBeside(options);
	}

	/** Returns the guest of a machine that {@link startBeside} started. */
	guestOf(machine: Machine): Guest {
		return this.#session.guestOf(machine);
	}

	/**
	 * Ends the cell's machine early. `look: false` skips the last observations, for a machine that is no longer what
	 * was started.
	 */
	stop(machine: Machine, options?: { readonly look?: boolean }): Promise<void> {
		return this.#session.stop(machine, options);
	}

	/** Waits for an answer. If QEMU dies instead, records an unmet demand and returns `undefined`. */
	survives<T>(what: string, asking: Promise<T>): Promise<T | undefined> {
		return this.#session.survives(what, asking);
	}

	/**
	 * Records a demand of the case. If it is not met, the cell fails, or is `xfail` where the matrix expects that; the
	 * case goes on.
	 */
	expect(met: boolean, demand: string): void {
		this.#session.expect(met, demand);
	}

	/** Announces a kernel message that the case provokes. Matching lines are noted with the reason and fail nothing. */
	expectTrouble(of: 'guest' | 'host', pattern: RegExp, reason: string): void {
		this.#session.expectTrouble(of, pattern, reason);
	}

	/** Returns the device tree that QEMU made for a machine. @throws QmpError, HostError */
	deviceTree(machine: Machine): Promise<DeviceTree> {
		return this.#session.deviceTree(machine);
	}
}

/** The context of a `pmuTest` case: {@link VmContext}, plus facts and observations of the PMU. */
export class CaseContext extends VmContext {
	readonly #session: CellSession;

	constructor(session: CellSession) {
		super(session);
		this.#session = session;
	}

	/** The prediction for the settings of the last start. */
	get prediction(): Prediction {
		return this.#session.place.prediction!;
	}

	/** Predicts the choice for a start with other settings than the cell's. */
	predict(options: BesideOptions): Prediction {
		return this.#session.place.predict(options);
	}

	/** Observations so far, by layer; judged when the case returns. */
	get observations(): Observations {
		return this.#session.observations;
	}

	/** PMUs of the host's CPUs, by event source type. */
	get pmus(): readonly CpuPmu[] {
		return this.#session.place.pmus;
	}

	/** Groups of host CPUs on which a vCPU counts with the same PMU, as CPU lists, ordered by their first CPU. */
	get groups(): readonly string[] {
		return this.#session.place.groups;
	}

	/** Returns the PMU of a group; the one registered first if several cover it. */
	pmuOn(group: string): CpuPmu | undefined {
		return this.#session.place.pmuOn(group);
	}

	/**
	 * The group of {@link groups} to start on. It varies between cells, so that parallel cells do not all use one CPU.
	 */
	get home(): string {
		return this.#session.place.home;
	}

	/** Host CPUs (list format) that the case is about, if not all of them. Set it before the start. */
	get requiredCpus(): string | undefined {
		return this.#session.requiredCpus;
	}

	set requiredCpus(cpus: string | undefined) {
		this.#session.requiredCpus = cpus;
	}

	/**
	 * Like {@link startWithoutBoot}, for a QEMU that may refuse to start. Returns its stderr then, `undefined` if it
	 * started.
	 */
	refusal(options?: StartOptions): Promise<string | undefined> {
		return this.#session.refusal(options);
	}

	/** Adds a reading that was not taken by `guest.count()`, to be judged with the rest. */
	addReading(reading: GuestReading): void {
		this.#session.addReading(reading);
	}

	/** Counts on the host what a machine's vCPU threads do, until `stop()`. @throws HostError */
	countOnHost(threadIds: readonly number[], events: readonly string[]): Promise<HostCount> {
		return this.#session.countOnHost(threadIds, events);
	}

	/** What a simulated KVM was asked, one line each; empty without a simulation. */
	shimLog(): Promise<readonly string[]> {
		return this.#session.place.shimLog();
	}
}

function qemuOf({ qemu, inspection }: LeasedQemu): CaseQemu {
	return { ...qemu, hasPmuChoice: inspection.pmuChoice.has === true, machines: inspection.machines };
}
