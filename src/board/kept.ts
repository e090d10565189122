import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { localHost } from '../host/local.ts';
import { startTime } from '../host/processes/started.ts';
import type { Cache } from '../image/index.ts';
import { makeFolder } from '../lib/files/make-folder.ts';
import { readStored, type Shape } from '../lib/files/stored.ts';
import { writeWhole } from '../lib/files/whole-file.ts';
import { poll, type WaitOptions } from '../lib/waiting/deadline.ts';
import { contention } from '../lib/waiting/fair-clock.ts';
import { type Board, type BoardOptions, startBoard } from './start.ts';

/** A board that stays up after its command: what its keeper process recorded. */
export interface KeptBoard {
	readonly topology: string;
	readonly cpus: number;
	readonly kernel: string;
	/** The process that owns the board. */
	readonly keeperPid: number;
	/** Its start time (field 22 of /proc/PID/stat), which distinguishes it from a later process with the same number. */
	readonly keeperStarted: string;
	readonly emulatorPid: number;
	readonly sshArguments: readonly string[];
	readonly consoleLog: string;
	/** ISO 8601. */
	readonly since: string;
}

/**
 * The process that keeps a board: its number, and the start time that distinguishes it from a later one with the same number.
 */
export type Keeper = Pick<KeptBoard, 'topology' | 'keeperPid' | 'keeperStarted'>;

/** The state of a topology's kept board. */
export type KeptState =
	| { readonly state: 'up'; readonly board: KeptBoard }
	| { readonly state: 'starting'; readonly keeper: Keeper }
	/** The keeper is alive, but its record cannot be read. `problem` is a sentence without its subject. */
	| { readonly state: 'damaged'; readonly keeper: Keeper; readonly problem: string }
	| { readonly state: 'down' };

const keptShape: Shape<KeptBoard> = v.looseObject({
	...{ topology: v.string(), cpus: v.number(), kernel: v.string() },
	...{ keeperPid: v.number(), keeperStarted: v.string(), emulatorPid: v.number() },
	...{ sshArguments: v.array(v.string()), consoleLog: v.string(), since: v.string() },
});

const stateFolder = (cache: Cache) => path.join(cache.root, 'boards');
/** Each keeper has its own file, named after it. So no keeper removes another's file, and damage does not hide a keeper. */
const stateFile = (cache: Cache, { topology, keeperPid, keeperStarted }: Keeper) =>
	path.join(stateFolder(cache), `${topology}.${keeperPid}-${keeperStarted}.json`);

const isAlive = async (keeper: Keeper) => (await startTime(keeper.keeperPid)) === keeper.keeperStarted;

/** The content of a keeper's file until its board is up. */
const startingShape = v.strictObject({ starting: v.literal(true) });

/**
 * Starts a board and keeps it up until the signal aborts. Other processes find it with {@link keptState}. Each topology has at
 * most one kept board: its keeper holds a lock, which the kernel releases.
 *
 * @param onUp called once the board is up
 * @throws LockBusyError, naming the keeper, if one is already kept or being started; as {@link startBoard}
 */
export async function keepBoardUp(
	options: BoardOptions & { readonly topology: string; readonly signal: AbortSignal },
	onUp: (board: KeptBoard) => void,
): Promise<void> {
	const { cache, signal, topology } = options;
	await makeFolder(stateFolder(cache), { mode: 0o700 });
	await using host = localHost();
	await using _ = await host.lock(path.join(cache.root, 'locks', `board-${topology}.lock`), { timeoutMs: 0 });
	const keeper: Keeper = {
		topology,
		...{ keeperPid: process.pid, keeperStarted: (await startTime(process.pid)) ?? '' },
	};
	const file = stateFile(cache, keeper);
	const write = (what: object) => writeWhole(file, `${JSON.stringify(what, null, ' ')}\n`, { mode: 0o600 });
	try {
		await write({ starting: true });
		await using board: Board = await startBoard(options);
		const kept: KeptBoard = {
			...keeper,
			...{ cpus: board.cpus, kernel: board.kernel, emulatorPid: board.machine.process.pid },
			...{ sshArguments: board.sshArguments, consoleLog: board.consoleLog, since: new Date().toISOString() },
		};
		await write(kept);
		onUp(kept);
		const { promise: stopped, resolve } = Promise.withResolvers<void>();
		signal.addEventListener('abort', () => resolve(), { once: true });
		if (signal.aborted) resolve();
		await Promise.race([stopped, board.machine.process.exited]);
	} finally {
		await rm(file, { force: true });
	}
}

/** Returns the state of a topology's kept board. Removes what a killed keeper left behind. */
export async function keptState(cache: Cache, topology: string): Promise<KeptState> {
	for (const keeper of (await keepersOf(cache)).filter(one => one.topology === topology)) {
		const file = stateFile(cache, keeper);
		const found = await readStored(file, v.union([keptShape, startingShape]));
		if (!(await isAlive(keeper))) {
			await rm(file, { force: true });
		} else if (found.state === 'damaged') {
			return { state: 'damaged', keeper, problem: `${path.basename(file)} ${found.problem}` };
		} else if (found.state === 'ok') {
			if ('starting' in found.value) return { state: 'starting', keeper };
			return { state: 'up', board: found.value };
		}
	}
	return { state: 'down' };
}

/** Lists the keepers that have a file, including dead ones. */
async function keepersOf(cache: Cache): Promise<Keeper[]> {
	const names = await readdir(stateFolder(cache)).catch((): string[] => []);
	return names.sort().flatMap(name => {
		const [, topology, pid, keeperStarted] = /^(.+)\.(\d+)-(\d+)\.json$/.exec(name) ?? [];
		return topology === undefined ? [] : [{ topology, keeperPid: Number(pid), keeperStarted: keeperStarted! }];
	});
}

/** Lists the topologies that have a keeper, with their state. */
export async function keptStates(cache: Cache): Promise<(readonly [topology: string, state: KeptState])[]> {
	const topologies = [...new Set((await keepersOf(cache)).map(keeper => keeper.topology))];
	const states = await Promise.all(topologies.map(async name => [name, await keptState(cache, name)] as const));
	return states.filter(([, { state }]) => state !== 'down');
}

/** Returns the running board of a topology, if there is one. */
export async function findKeptBoard(cache: Cache, topology: string): Promise<KeptBoard | undefined> {
	const kept = await keptState(cache, topology);
	return kept.state === 'up' ? kept.board : undefined;
}

/** All boards that are up. */
export async function listKeptBoards(cache: Cache): Promise<KeptBoard[]> {
	return (await keptStates(cache)).flatMap(([, kept]) => (kept.state === 'up' ? [kept.board] : []));
}

/**
 * Stops a board, up or starting, and waits until it has exited. @throws DeadlineError when even SIGKILL does not end its keeper
 */
export async function takeDown(keeper: Keeper, { signal }: WaitOptions = {}): Promise<void> {
	const gone = async () => ((await isAlive(keeper)) ? undefined : true);
	const send = (name: 'SIGTERM' | 'SIGKILL') => {
		try {
			process.kill(keeper.keeperPid, name);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
		}
	};
	if (await gone()) return;
	send('SIGTERM');
	const what = `the end of board ${keeper.topology}`;
	try {
		await poll(what, gone, { signal, timeoutMs: 10_000 * contention() });
	} catch (error) {
		signal?.throwIfAborted();
		send('SIGKILL');
		await poll(what, gone, { signal, timeoutMs: 10_000 * contention() }).catch(() => Promise.reject(error));
	}
}
