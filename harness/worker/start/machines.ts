import path from 'node:path';
import type { HostFolder } from '../../../src/host/index.ts';
import { contention } from '../../../src/lib/index.ts';
import { type Machine, type MachineSpec, startMachine } from '../../../src/qemu/index.ts';
import type { Cell } from '../../plan/plan.ts';
import type { Lease } from '../../protocol/lease.ts';
import type { CellPlace } from '../place.ts';
import { keepArguments, keepMachine } from './keep.ts';
import { type BesideOptions, bootable, leaseOf, type StartOptions, specOf } from './spec.ts';
import { LiveTerminals } from './terminals.ts';

/** Deadline of a leak check, which reads all memory of the process; scaled by the host's slowness. */
const leakCheckMs = 30_000;

/** What {@link CellMachines} needs of a cell. */
export interface MachinesOptions {
	readonly cell: Cell;
	readonly lease: Lease;
	readonly place: CellPlace;
	/** Called for each machine when it runs. */
	readonly onStarted: (machine: Machine) => Promise<void>;
	/** Called with notes that change no verdict. */
	readonly onNote: (note: string) => void;
}

/** Starts the machines of a cell and owns them, with what gives people access to them. Disposal ends all of them. */
export class CellMachines implements AsyncDisposable {
	readonly #options: MachinesOptions;
	readonly #owned = new AsyncDisposableStack();
	readonly #terminals = this.#owned.use(new LiveTerminals());
	#keepFolder: HostFolder | undefined;
	#own: Machine | undefined;
	#beside = 0;

	constructor(options: MachinesOptions) {
		this.#options = options;
	}

	/** The cell's own machine, as started last. */
	get own(): Machine | undefined {
		return this.#own;
	}

	/** Starts the cell's own machine. @throws QemuError if it does not start */
	async startOwn(options: StartOptions, base: Partial<MachineSpec>): Promise<Machine> {
		const { lease } = this.#options;
		this.#own = await this.#launch(lease, await this.#keeping(options), base, lease.artifacts);
		return this.#own;
	}

	/** Offers terminals of the cell's own machine while it runs. */
	async offerTerminals(): Promise<void> {
		if (this.#own?.spec.kernel !== undefined) await this.#terminals.of(this.#own, this.#options.lease.artifacts);
	}

	/** Starts a further machine. @throws QemuError if it does not start */
	async startBeside(options: BesideOptions): Promise<Machine> {
		const { lease } = this.#options;
		const artifacts = path.join(lease.artifacts, `beside-${++this.#beside}`);
		const base = options.boot === true ? bootable(lease) : { paused: true };
		return await this.#launch(leaseOf(lease, options), options, base, artifacts);
	}

	/** Leaves the cell's own machine running, reachable from this machine, until it ends. */
	async keep(tell: Parameters<typeof keepMachine>[3]): Promise<void> {
		const [machine, folder] = [this.#own, this.#keepFolder];
		const { host } = this.#options.place;
		if (machine !== undefined && folder !== undefined) await keepMachine(host, machine, folder.path, tell);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#owned.disposeAsync();
	}

	/** Adds what a machine needs that may be kept. */
	async #keeping(options: StartOptions): Promise<StartOptions> {
		const { lease, place } = this.#options;
		if (lease.keep !== true) return options;
		this.#keepFolder ??= this.#owned.use(await place.host.makeFolder());
		const extra = [...(options.spec?.extra ?? []), ...keepArguments(this.#keepFolder.path)];
		return { ...options, spec: { ...options.spec, extra } };
	}

	async #launch(lease: Lease, options: StartOptions, base: Partial<MachineSpec>, artifacts: string): Promise<Machine> {
		const { cell, place, onNote, onStarted } = this.#options;
		const { facts, simulation, host } = place;
		const spec = specOf({ cell, lease, facts, simulation }, options, base);
		const timeoutMs = 30_000 * lease.slowness * contention();
		const console = { speedFactor: lease.slowness };
		const budgets = lease.isSanitized === true ? { quitMs: leakCheckMs * lease.slowness * contention() } : undefined;
		const start = { artifacts, timeoutMs, console, onNote, budgets };
		const machine = this.#owned.use(await startMachine(host, spec, start));
		await onStarted(machine);
		return machine;
	}
}
