import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import path from 'node:path';
import { formatDuration, LockBusyError, makeFolderSync, VpmuError } from '../../src/lib/index.ts';
import {
	attemptFolder,
	type CellPhase,
	type CellResult,
	cellFolder,
	type Results,
	type RunEvent,
	RunFolder,
	resultsOf,
} from '../../src/run/index.ts';
import { type Cell, placeOf } from '../plan/plan.ts';
import { storeDurations, storedDurations } from '../plan/shards.ts';
import type { Broker, EventBody } from '../protocol/broker.ts';
import type { KeptSockets } from '../protocol/lease.ts';
import { broken } from '../protocol/outcome.ts';
import { checkoutCommit, version } from '../usage/places.ts';
import { runnerOf } from './engines/runner.ts';
import { artifactsOf, newRunId, writeReports } from './folder.ts';
import { applyQuarantine, type QuarantineEntry } from './request/quarantine.ts';
import { type ResourceOptions, Resources } from './resources/resources.ts';
import { Watchdog } from './rounds/watchdog.ts';
import { Boards } from './turns/boards.ts';
import { Counting } from './turns/counting.ts';
import { Processes } from './turns/processes.ts';
import { rankOfBoard, shareOut } from './turns/sharing.ts';
import { Slots } from './turns/slots.ts';

export interface RunOptions extends Partial<ResourceOptions> {
	/** Default: a new one, see {@link newRunId}. */
	readonly id?: string;
	readonly argv: readonly string[];
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly cells: readonly Cell[];
	/** Run folder; default `vpmu-runs/ID` below the current one. */
	readonly out?: string | undefined;
	/** Number of cells that run in parallel; default one per core. */
	readonly jobs?: number | undefined;
	/** Wait for locks held by others (default); otherwise cells that need one fail and name its holder. */
	readonly wait?: boolean;
	/** Cells whose failures are expected. */
	readonly quarantine?: readonly QuarantineEntry[];
	/** Give up a cell that shows no progress for this long, scaled by its host's slowness. */
	readonly silenceMs?: number | undefined;
	/** Which part of a larger run this is. */
	readonly shard?: Results['run']['shard'];
	readonly labels?: Results['run']['labels'];
	/** Leave the machines of cells running; called for each, with how to reach it. */
	readonly onKept?: ((cell: string, sockets: KeptSockets) => void) | undefined;
	readonly onEvent?: (event: RunEvent) => void;
}

/** A run in progress: its broker, its folder, and its end. */
export interface Run {
	readonly id: string;
	readonly broker: Broker;
	readonly folder: RunFolder;
	/** Number of cells that run in parallel. */
	readonly jobs: number;
	/** A cell failed because someone else held a lock and the run must not wait. */
	readonly lockBusy: LockBusyError | undefined;
	/** The latest result of a cell. */
	resultOf(cell: string): CellResult | undefined;
	/** Ends a cell that will not end itself, because its worker is gone or about to be. */
	endCell(cell: Cell, error: VpmuError): void;
	/** Called for a cell that makes no progress before it is ended. Set by whoever can end its worker. */
	onSilence: (cell: string) => void;
	/** Forgets failures and lost hosts, so that they are made again on request. */
	renew(): Promise<void>;
	/** Writes the end and the current results; later results are not included. */
	conclude(options: { interrupted: boolean }): Results;
	/** Writes the end and the results, and releases hosts and boards. */
	finish(options: { interrupted: boolean }): Promise<Results>;
}

/** The longest silence of a healthy cell is a boot or a count without output, limited by its deadline to some 90 s. */
const defaultSilenceMs = 240_000;

/** Makes the run folder and the broker; nothing is booted until a cell asks. @throws UsageError for a folder that cannot be used */
export async function startRun(options: RunOptions): Promise<Run> {
	const id = options.id ?? newRunId();
	const folder = new RunFolder(options.out ?? path.join('vpmu-runs', id));
	const startedAt = new Date();
	// The wall clock may jump during a run.
	const beganAt = performance.now();
	const jobs = options.jobs ?? Math.max(1, availableParallelism());
	const wait = options.wait ?? true;
	const durations = storedDurations(options.env);
	const events: RunEvent[] = [];
	const last = new Map<string, CellResult>();
	/** Cells whose workers were lost, until they are retried. */
	const givenUp = new Set<string>();
	let lockBusy: LockBusyError | undefined;
	/** The results, once written. */
	let concluded: Results | undefined;

	const emit = (body: EventBody) => {
		if (concluded !== undefined) return;
		if (body.event === 'cell-start') watchdog.heard(body.cell);
		const event = { at: new Date().toISOString(), ...body } as RunEvent;
		events.push(event);
		folder.append(event);
		options.onEvent?.(event);
	};
	const endWith = (given: CellResult) => {
		const artifacts = artifactsOf(folder.path, given);
		const result = applyQuarantine({ ...given, artifacts }, options.quarantine ?? []);
		last.set(result.id, result);
		emit({ event: 'cell-end', result });
	};
	const progress = (what: string, done?: number, total?: number) =>
		emit({
			...{ event: 'progress', what },
			...(done === undefined ? {} : { done }),
			...(total === undefined ? {} : { total }),
		});

	const watchdog = new Watchdog({
		onSilence: (name, silentMs) => {
			const cell = options.cells.find(one => one.id === name);
			if (cell === undefined) return;
			endCell(
				cell,
				new VpmuError(`the cell made no progress for ${formatDuration(silentMs)} and was given up`, {
					blame: 'harness',
					evidence: [`nothing was added to its records in ${cellFolder(name)}`],
				}),
			);
			run.onSilence(name);
		},
	});
	const endCell = (cell: Cell, error: VpmuError) => {
		givenUp.add(cell.id);
		endWith(broken({ cell, totalMs: 0 }, error));
	};

	const commit = checkoutCommit();
	emit({
		event: 'run-start',
		run: {
			id,
			startedAt: startedAt.toISOString(),
			argv: options.argv,
			...{ vpmu: version, runner: runnerOf(options.env) },
			...(commit === undefined ? {} : { vpmuCommit: commit }),
			...(options.shard === undefined ? {} : { shard: options.shard }),
			...(Object.keys(options.labels ?? {}).length === 0 ? {} : { labels: options.labels! }),
		},
		cells: options.cells,
	});
	const resources = new Resources({
		kernel: options.kernel ?? 'debian:trixie',
		boardKernel: options.boardKernel ?? 'debian:trixie',
		env: options.env,
		wait,
		...(options.signal === undefined ? {} : { signal: options.signal }),
		onProgress: progress,
	});
	const boards = new Boards({
		host: (on, copy) => resources.host(on, copy),
		retire: (on, copy) => resources.retire(on, copy),
		// A board takes about a gigabyte.
		most: Math.max(2 * jobs, Math.floor(freemem() / 1.5e9)),
	});
	const slots = new Slots<Cell>(jobs, { rank: (cell, held) => rankOf(cell, held), patience: 4 * jobs });
	/** The cells with their places: boards with different kernels are not shared. */
	const placed = options.cells.map(cell => ({ ...cell, on: placeOf(cell) }));
	/** Cells without a board fill the gaps. */
	const rankOf = (cell: Cell, held: readonly Cell[]) => {
		const on = placeOf(cell);
		const there = held.filter(other => placeOf(other) === on).length;
		if (!on.startsWith('board:')) return 2;
		return rankOfBoard({
			...{ there, copies: boards.copies(on), isStarting: boards.isStarting(on) },
			share: () => {
				const left = placed.filter(one => !last.has(one.id));
				return shareOut(left, jobs, durations).filter(one => one === on).length;
			},
		});
	};
	const counting = new Counting({
		host: on => resources.host(on),
		wait,
		onWait: who => progress(`waiting: ${who.message}`),
	});
	const processes = new Processes();
	const noting = async <T>(work: () => Promise<T>): Promise<T> => {
		try {
			return await work();
		} catch (error) {
			if (error instanceof LockBusyError) lockBusy ??= error;
			throw error;
		}
	};

	const planned = (id: string) => {
		const cell = options.cells.find(one => one.id === id);
		if (cell === undefined) throw new VpmuError(`the run has no cell '${id}'`, { blame: 'harness' });
		return cell;
	};
	const phase = (cell: string, phase: CellPhase, host?: string) =>
		emit({ ...{ event: 'cell-phase', cell, phase }, ...(host === undefined ? {} : { host }) });
	const broker: Broker = {
		acquire: (name, signal) =>
			noting(async () => {
				const cell = planned(name);
				await using stack = new AsyncDisposableStack();
				phase(name, 'slot');
				stack.defer(await slots.claim(cell, weightOf(cell), signal));
				// If the run must not wait, learn before the boot whether someone else counts.
				if (!wait) await (await counting.alone(cell, signal))[Symbol.asyncDispose]();
				const artifacts = path.join(folder.path, cellFolder(cell.id));
				makeRoom(folder.path, cell.id);
				givenUp.delete(cell.id);
				phase(name, 'host');
				const { host } = stack.use(await boards.take(placeOf(cell)));
				phase(name, 'prepare', host.name);
				stack.use(processes.begin(cell.id, host.kind === 'board' ? `${host.name} ${cell.id}` : host.name));
				const lease = await resources.ready(cell, host, { artifacts, runFolder: folder.path });
				// Runs of many hosts are merged: what each cell was predicted by stays with it.
				folder.write(path.join(cellFolder(cell.id), 'host-facts.json'), `${JSON.stringify(lease.facts, null, 2)}\n`);
				stack.use(watchdog.watch(cell.id, artifacts, (options.silenceMs ?? defaultSilenceMs) * lease.slowness));
				const owned = stack.move();
				const keep = options.onKept === undefined ? {} : { keep: true };
				return { ...lease, ...keep, [Symbol.asyncDispose]: () => owned.disposeAsync() };
			}),
		countAlone: (name, signal) =>
			noting(async () => {
				using _ = watchdog.pause(name);
				phase(name, 'wait-to-count');
				const alone = await counting.alone(planned(name), signal);
				phase(name, 'count');
				return {
					[Symbol.asyncDispose]: async () => {
						await alone[Symbol.asyncDispose]();
						phase(name, 'counted');
					},
				};
			}),
		processes: (cell, pids) => processes.add(cell, pids),
		othersProcesses: async cell => processes.others(cell),
		kept(cell, sockets) {
			// A detached guest is silent while nobody uses it.
			watchdog.pause(cell);
			options.onKept?.(cell, sockets);
		},
		emit(event) {
			if (event.event !== 'cell-end') emit(event);
			// Ignore a result that arrives after its cell was given up, and an error that the interrupt itself caused.
			else if (!givenUp.has(event.result.id) && !(options.signal?.aborted && event.result.status === 'error'))
				endWith(event.result);
		},
		async [Symbol.asyncDispose]() {
			await finish({ interrupted: false });
		},
	};

	// The first boards of a run start in parallel.
	for (const on of shareOut(placed, jobs, durations)) boards.prepare(on);

	const conclude = ({ interrupted }: { interrupted: boolean }) => {
		if (concluded !== undefined) return concluded;
		const { pins } = resources;
		const packages = pins.length === 0 ? {} : { packages: pins };
		emit({ event: 'run-end', durationMs: Math.round(performance.now() - beganAt), interrupted, ...packages });
		concluded = resultsOf(events);
		writeReports(folder, concluded, options.out ?? path.join('vpmu-runs', id));
		return concluded;
	};
	let finished: Promise<Results> | undefined;
	const finish = ({ interrupted }: { interrupted: boolean }) => {
		finished ??= (async () => {
			watchdog[Symbol.dispose]();
			try {
				await resources[Symbol.asyncDispose]();
			} finally {
				await storeDurations(options.env, conclude({ interrupted }));
				folder[Symbol.dispose]();
			}
			return conclude({ interrupted });
		})();
		return finished;
	};
	const run: Run = {
		...{ id, broker, folder, jobs, endCell, conclude, finish },
		get lockBusy() {
			return lockBusy;
		},
		resultOf: cell => last.get(cell),
		onSilence: () => undefined,
		renew: () => resources.renew(),
	};
	return run;
}

/**
 * Slots that a cell takes: half its vCPUs. A guest boots on one vCPU and counts on few at a time, but each is a thread
 * that may run, here or in a board's emulator.
 */
function weightOf({ vcpus }: Cell): number {
	return Math.max(1, Math.ceil(vcpus / 2));
}

/** Makes the folder of a cell. What an earlier attempt left in it gets a folder of its own. */
function makeRoom(runFolder: string, cell: string): void {
	const folder = path.join(runFolder, cellFolder(cell));
	makeFolderSync(folder);
	const files = readdirSync(folder).filter(name => !name.startsWith('attempt-'));
	if (files.length === 0) return;
	let attempt = 1;
	while (existsSync(path.join(runFolder, attemptFolder(cell, attempt)))) attempt++;
	const earlier = path.join(runFolder, attemptFolder(cell, attempt));
	mkdirSync(earlier);
	for (const name of files) renameSync(path.join(folder, name), path.join(earlier, name));
}
