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

/** A QEMU as a case sees it. */
export interface CaseQemu {
	/** What starts it on the cell's host. */
	readonly command: readonly string[];
	/** As the user named it: a path, or `debian:SUITE`. */
	readonly label: string;
	readonly version: string;
	readonly hasPmuChoice: boolean;
	readonly machines: readonly MachineType[];
}

const sessions = new WeakMap<VmContext, CellSession>();

/** The session behind what a case sees, for functions that the door of cases exports beside it. */
export const sessionOf = (context: VmContext): CellSession => sessions.get(context)!;

/** What a case of `vmTest` works with: machines of one cell, on its host. Everything that is started ends with the cell. */
export class VmContext {
	readonly #session: CellSession;

	constructor(session: CellSession) {
		this.#session = session;
		sessions.set(this, session);
	}

	/** The choice of each axis of the matrix that makes this cell: `machine`, `accel`, `cpu`, `vcpus`, `variant` and so on; and its `id`. */
	get axes(): Cell {
		return this.#session.cell;
	}

	/** Where the machines run: run commands, copy files, make folders. */
	get host(): Host {
		return this.#session.host;
	}

	/** The QEMU under test. */
	get qemu(): CaseQemu {
		return qemuOf(this.#session.lease);
	}

	/** The QEMU to compare with; `undefined` where the matrix names no `reference`. */
	get reference(): CaseQemu | undefined {
		const { reference } = this.#session.lease;
		return reference === undefined ? undefined : qemuOf(reference);
	}

	/** Boots the cell's guest; resolves when its shell answers. @throws QemuError, GuestError, DeadlineError */
	boot(options?: StartOptions): Promise<Guest> {
		return this.#session.boot(options);
	}

	/** Starts the cell's QEMU with the vCPUs stopped and no kernel: QMP answers, at a fifth of the cost of a boot. @throws QemuError */
	startWithoutBoot(options?: StartOptions): Promise<Machine> {
		return this.#session.startWithoutBoot(options);
	}

	/** Starts another machine, with `reference: true` of the other QEMU, with `boot: true` with the guest's kernel. @throws QemuError */
	startBeside(options?: BesideOptions): Promise<Machine> {
		return this.#session.startBeside(options);
	}

	/** The guest of a machine that {@link startBeside} started. */
	guestOf(machine: Machine): Guest {
		return this.#session.guestOf(machine);
	}

	/** Ends the cell's machine before the cell ends. `look: false` for one that is no longer what was started. */
	stop(machine: Machine, options?: { readonly look?: boolean }): Promise<void> {
		return this.#session.stop(machine, options);
	}

	/** Waits for an answer that QEMU must survive giving: its death is a demand unmet, and `undefined` comes back. */
	survives<T>(what: string, asking: Promise<T>): Promise<T | undefined> {
		return this.#session.survives(what, asking);
	}

	/** A demand of the case: not met, the cell fails, or is `xfail` where the matrix expects that. The case goes on. */
	expect(met: boolean, demand: string): void {
		this.#session.expect(met, demand);
	}

	/** What a kernel will report because of what the case does to it: a line that matches is noted with the reason, and fails nothing. */
	expectTrouble(of: 'guest' | 'host', pattern: RegExp, reason: string): void {
		this.#session.expectTrouble(of, pattern, reason);
	}

	/** The device tree that QEMU made for a machine. @throws QmpError, HostError */
	deviceTree(machine: Machine): Promise<DeviceTree> {
		return this.#session.deviceTree(machine);
	}
}

/** What a case of `pmuTest` works with: as {@link VmContext}, and what is known and seen of the PMU. */
export class CaseContext extends VmContext {
	readonly #session: CellSession;

	constructor(session: CellSession) {
		super(session);
		this.#session = session;
	}

	/** What QEMU must choose, for the settings of the last start. */
	get prediction(): Prediction {
		return this.#session.prediction;
	}

	/** What QEMU must choose for a start that is not the cell's own. */
	predict(options: BesideOptions): Prediction {
		return this.#session.predict(options);
	}

	/** What has been seen so far, by layer; judged when the case returns. */
	get observations(): Observations {
		return this.#session.observations;
	}

	/** PMUs of the host's CPUs, by type of their event source. */
	get pmus(): readonly CpuPmu[] {
		return this.#session.pmus;
	}

	/** Groups of host CPUs on which a vCPU counts with the same PMU, as CPU lists, in order of their first CPU. */
	get groups(): readonly string[] {
		return this.#session.groups;
	}

	/** The PMU of a group; the one that was registered first where several cover it. */
	pmuOn(group: string): CpuPmu | undefined {
		return this.#session.pmuOn(group);
	}

	/** One of {@link groups} to start on: not the same for all cells, so that cells side by side are not all on one CPU. */
	get home(): string {
		return this.#session.home;
	}

	/** Host CPUs (list format) that the case is about, where it is not all of them. To be set before the start. */
	get requiredCpus(): string | undefined {
		return this.#session.requiredCpus;
	}

	set requiredCpus(cpus: string | undefined) {
		this.#session.requiredCpus = cpus;
	}

	/** As {@link startWithoutBoot}, of a QEMU that may refuse: what it wrote then; `undefined` when it started. */
	refusal(options?: StartOptions): Promise<string | undefined> {
		return this.#session.refusal(options);
	}

	/** Adds a reading that the case took by other means than `guest.count()`, to be judged with the rest. */
	addReading(reading: GuestReading): void {
		this.#session.addReading(reading);
	}

	/** Counts on the host what the vCPUs of a machine do, by their thread ids, until `stop()`. @throws HostError */
	countOnHost(threadIds: readonly number[], events: readonly string[]): Promise<HostCount> {
		return this.#session.countOnHost(threadIds, events);
	}

	/** What a simulated KVM was asked, line by line; empty without a simulation. */
	shimLog(): Promise<readonly string[]> {
		return this.#session.shimLog();
	}
}

function qemuOf({ qemu, inspection }: LeasedQemu): CaseQemu {
	return { ...qemu, hasPmuChoice: inspection.pmuChoice.has === true, machines: inspection.machines };
}
