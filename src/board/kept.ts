import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startTime } from '../host/started.ts';
import type { Cache } from '../image/index.ts';
import { poll, type WaitOptions } from '../lib/deadline.ts';
import { contention } from '../lib/fair-clock.ts';
import { type Board, type BoardOptions, startBoard } from './start.ts';

/** A board that stays up on its own: what its keeper wrote down. */
export interface KeptBoard {
	readonly topology: string;
	readonly cpus: number;
	readonly kernel: string;
	/** The process that owns the board. */
	readonly keeperPid: number;
	/** Its start time (field 22 of /proc/PID/stat), which tells it from a later process of the same number. */
	readonly keeperStarted: string;
	readonly emulatorPid: number;
	readonly sshArguments: readonly string[];
	readonly consoleLog: string;
	/** ISO 8601. */
	readonly since: string;
}

const stateFolder = (cache: Cache) => path.join(cache.root, 'boards');
const stateFile = (cache: Cache, topology: string) => path.join(stateFolder(cache), `${topology}.json`);

/**
 * Starts a board and keeps it up until the signal aborts; others find it with {@link findKeptBoard} meanwhile. Only one
 * of a topology is kept: who comes second gets what is there.
 *
 * @param onUp is called once it is up
 * @throws as {@link startBoard}
 */
export async function keepBoardUp(
	options: BoardOptions & { readonly signal: AbortSignal },
	onUp: (board: KeptBoard) => void,
): Promise<void> {
	const { cache, signal } = options;
	await mkdir(stateFolder(cache), { recursive: true });
	await using board: Board = await startBoard(options);
	const file = stateFile(cache, board.topology);
	const kept: KeptBoard = {
		topology: board.topology,
		cpus: board.cpus,
		kernel: board.kernel,
		keeperPid: process.pid,
		keeperStarted: (await startTime(process.pid)) ?? '',
		emulatorPid: board.machine.process.pid,
		sshArguments: board.sshArguments,
		consoleLog: board.consoleLog,
		since: new Date().toISOString(),
	};
	await writeFile(`${file}.${process.pid}`, `${JSON.stringify(kept, null, ' ')}\n`, { mode: 0o600 });
	await rename(`${file}.${process.pid}`, file);
	try {
		onUp(kept);
		const { promise: stopped, resolve } = Promise.withResolvers<void>();
		signal.addEventListener('abort', () => resolve(), { once: true });
		if (signal.aborted) resolve();
		await Promise.race([stopped, board.machine.process.exited]);
	} finally {
		await rm(file, { force: true });
	}
}

/** The board of a topology that is up, if there is one. What a keeper that was killed left behind is removed. */
export async function findKeptBoard(cache: Cache, topology: string): Promise<KeptBoard | undefined> {
	const file = stateFile(cache, topology);
	let kept: KeptBoard;
	try {
		kept = JSON.parse(await readFile(file, 'utf8'));
	} catch {
		return undefined;
	}
	if ((await startTime(kept.keeperPid)) === kept.keeperStarted) return kept;
	await rm(file, { force: true });
	return undefined;
}

/** All boards that are up. */
export async function listKeptBoards(cache: Cache): Promise<KeptBoard[]> {
	const names = await readdir(stateFolder(cache)).catch(() => []);
	const found = await Promise.all(
		names
			.filter(name => name.endsWith('.json'))
			.sort()
			.map(name => findKeptBoard(cache, name.slice(0, -5))),
	);
	return found.filter(kept => kept !== undefined);
}

/** Ends a board that is up, and waits until it is gone. @throws DeadlineError when not even SIGKILL ends its keeper */
export async function takeDown(kept: KeptBoard, { signal }: WaitOptions = {}): Promise<void> {
	const gone = async () => ((await startTime(kept.keeperPid)) === kept.keeperStarted ? undefined : true);
	const send = (name: 'SIGTERM' | 'SIGKILL') => {
		try {
			process.kill(kept.keeperPid, name);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
		}
	};
	if (await gone()) return;
	send('SIGTERM');
	const what = `the end of board ${kept.topology}`;
	try {
		await poll(what, gone, { signal, timeoutMs: 10_000 * contention() });
	} catch (error) {
		signal?.throwIfAborted();
		send('SIGKILL');
		await poll(what, gone, { signal, timeoutMs: 10_000 * contention() }).catch(() => Promise.reject(error));
	}
}
