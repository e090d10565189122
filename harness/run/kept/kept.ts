import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { startTime } from '../../../src/host/index.ts';
import { cacheRoot } from '../../../src/image/index.ts';
import { contention, makeFolder, poll, readStored, type Shape, writeWhole } from '../../../src/lib/index.ts';
import type { KeptSockets } from '../../protocol/lease.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A detached guest, as recorded by its keeper. */
export interface KeptGuest {
	/** The run's id. */
	readonly id: string;
	readonly cell: string;
	readonly runFolder: string;
	/**
	 * The process that owns the guest, and its start time, which tells it from a later process with the same number.
	 */
	readonly keeperPid: number;
	readonly keeperStarted: string;
	readonly sockets: KeptSockets;
	/** ISO 8601; the guest ends by itself at `until`. */
	readonly since: string;
	readonly until: string;
	/** The exit status of the run. */
	readonly exit: number;
}

const keptShape: Shape<KeptGuest> = v.looseObject({
	...{ id: v.string(), cell: v.string(), runFolder: v.string(), keeperPid: v.number(), keeperStarted: v.string() },
	sockets: v.looseObject({ console: v.string(), qmp: v.string(), gdb: v.string() }),
	...{ since: v.string(), until: v.string(), exit: v.number() },
});

/** Lifetime of a keeper. */
export const keptMs = 24 * 60 * 60_000;

const folderOf = (env: Environment) => path.join(cacheRoot(env), 'kept');

/** Returns where a keeper records what it keeps. Makes the folder. */
export async function keptFile(env: Environment, name: string): Promise<string> {
	await makeFolder(folderOf(env));
	return path.join(folderOf(env), `${name}.json`);
}

/** Writes a keeper's file atomically. */
export async function writeKept(file: string, kept: KeptGuest): Promise<void> {
	await writeWhole(file, `${JSON.stringify(kept, null, ' ')}\n`, { mode: 0o600 });
}

/** Returns the detached guests, oldest first. Removes what killed keepers left behind. */
export async function listKept(env: Environment): Promise<KeptGuest[]> {
	const folder = folderOf(env);
	const found: KeptGuest[] = [];
	for (const name of (await readdir(folder).catch(() => [])).filter(one => one.endsWith('.json'))) {
		const file = path.join(folder, name);
		const kept = await readKept(file);
		const lives = kept !== undefined && (await startTime(kept.keeperPid)) === kept.keeperStarted;
		if (lives) found.push(kept);
		// An unreadable file is incomplete or damaged. It stays until its guest would have ended by itself.
		else if (kept !== undefined || (await ageMs(file)) > keptMs)
			for (const left of [file, file.replace(/json$/, 'out'), file.replace(/json$/, 'err')])
				await rm(left, { force: true });
	}
	return found.sort((a, b) => (a.since < b.since ? -1 : 1));
}

async function ageMs(file: string): Promise<number> {
	const { mtimeMs } = await stat(file);
	return Date.now() - mtimeMs;
}

/** Reads what a keeper recorded; `undefined` if nothing yet, or the file is damaged. */
export async function readKept(file: string): Promise<KeptGuest | undefined> {
	const found = await readStored(file, keptShape).catch(() => undefined);
	return found?.state === 'ok' ? found.value : undefined;
}

/** Ends a detached guest and waits until its keeper is gone. @throws DeadlineError if not even SIGKILL ends it */
export async function endKept({ keeperPid, keeperStarted, id }: KeptGuest): Promise<void> {
	const gone = async () => ((await startTime(keeperPid)) === keeperStarted ? undefined : true);
	const what = `the end of the keeper of ${id}`;
	for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
		if ((await gone()) === true) return;
		try {
			process.kill(keeperPid, signal);
		} catch {
			// The keeper ended meanwhile.
		}
		const last = signal === 'SIGKILL';
		await poll(what, gone, { timeoutMs: 15_000 * contention() }).catch(error =>
			last ? Promise.reject(error) : undefined,
		);
	}
}

/** Describes how to reach a detached guest and how to end it. */
export function attachText({ id, cell, sockets, until }: KeptGuest): string {
	return [
		`${cell} is left running, until ${until}:`,
		`  console  vpmu kept console ${id}`,
		`  QMP      vpmu qmp --socket ${sockets.qmp}`,
		`  gdb      gdb -ex 'target remote ${sockets.gdb}'`,
		`  end it   vpmu kept end ${id}`,
		'',
	].join('\n');
}
