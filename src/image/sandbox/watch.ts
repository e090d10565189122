import { readFileSync } from 'node:fs';
import { lstat, readdir, readFile, statfs } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { VpmuError } from '../../lib/errors.ts';
import type { SandboxLimits } from './limits.ts';

/** What all processes below one use, as /proc shows it (proc_pid_stat(5)). */
export interface Usage {
	readonly memoryBytes: number;
	/** Threads, over all processes. */
	readonly processes: number;
}

const pageBytes = 4096;

/** Adds up a process and all that descends from it. */
export async function usageBelow(root: number): Promise<Usage> {
	const stats = new Map<number, { parent: number; threads: number; pages: number }>();
	for (const name of await readdir('/proc')) {
		if (!/^\d+$/.test(name)) continue;
		const text = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
		// The name of the program may contain blanks and brackets.
		const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
		stats.set(Number(name), { parent: Number(fields[1]), threads: Number(fields[17]), pages: Number(fields[21]) });
	}
	const children = new Map<number, number[]>();
	for (const [pid, { parent }] of stats) children.set(parent, [...(children.get(parent) ?? []), pid]);
	const total = { memoryBytes: 0, processes: 0 };
	const queue = [root];
	for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
		const one = stats.get(pid);
		if (one === undefined) continue;
		total.memoryBytes += one.pages * pageBytes;
		total.processes += one.threads;
		queue.push(...(children.get(pid) ?? []));
	}
	return total;
}

/** What any file counts for: empty ones use up the inodes of a disk. */
const smallestFileBytes = 4096;

/** Bytes that a folder takes on the disk; it is walked without following links, and what cannot be read is left out. */
export async function diskUsage(folder: string, enough: number): Promise<number> {
	let total = 0;
	const queue = [folder];
	for (let at = queue.pop(); at !== undefined && total <= enough; at = queue.pop()) {
		for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
			const place = path.join(at, entry.name);
			if (entry.isDirectory()) queue.push(place);
			else total += Math.max(smallestFileBytes, ((await lstat(place).catch(() => undefined))?.blocks ?? 0) * 512);
		}
	}
	return total;
}

/** Space that is left alone on a disk, so that others of this machine go on. */
const reserveBytes = 512 * 1024 ** 2;

/** Free space of the disk that a folder is on, and whether it or its inodes are nearly used up. */
export async function diskSpace(
	folder: string,
): Promise<{ readonly freeBytes: number; readonly freeFiles: number; readonly isLow: boolean }> {
	const { bavail, bsize, files, ffree } = await statfs(folder);
	const freeBytes = bavail * bsize;
	return { freeBytes, freeFiles: ffree, isLow: freeBytes < reserveBytes || (files > 0 && ffree < 1000) };
}

const GiB = 1024 ** 3;
const shown = (bytes: number) =>
	bytes >= GiB ? `${(bytes / GiB).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;

/** A limit that was reached, for a message. */
export interface ReachedLimit {
	readonly limit: 'time' | 'memory' | 'processes' | 'disk' | 'output';
	readonly message: string;
}

/**
 * Looks every second at what a sandbox uses, until stopped. The kernel enforces what it can of each process (setrlimit(2)); this
 * adds up what only the whole has.
 */
export function watchLimits(
	pid: number,
	work: string,
	limits: SandboxLimits,
	onReached: (reached: ReachedLimit) => void,
): { stop(): void } {
	let stopped = false;
	let timer: NodeJS.Timeout | undefined;
	let [freeAtLastWalk, filesAtLastWalk] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
	const reached = (limit: ReachedLimit['limit'], message: string) => {
		if (!stopped) onReached({ limit, message });
		stopped = true;
	};
	const deadline = setTimeout(
		() => reached('time', `it took longer than ${Math.round(limits.timeMs / 1000)} s`),
		limits.timeMs,
	);
	const look = async () => {
		const usage = await usageBelow(pid);
		if (usage.memoryBytes > limits.memoryBytes)
			reached('memory', `it used more than ${shown(limits.memoryBytes)} of memory`);
		if (usage.processes > limits.processes) reached('processes', `it started more than ${limits.processes} processes`);
		const { freeBytes, freeFiles, isLow } = await diskSpace(work);
		if (isLow) reached('disk', `it left only ${shown(freeBytes)} free on the disk`);
		// Walking costs a tenth of a second: only once as much has gone as would matter.
		const step = Math.min(limits.diskBytes / 8, GiB / 2);
		if (freeAtLastWalk - freeBytes > step || (filesAtLastWalk - freeFiles) * smallestFileBytes > step) {
			[freeAtLastWalk, filesAtLastWalk] = [freeBytes, freeFiles];
			if ((await diskUsage(work, limits.diskBytes)) > limits.diskBytes) {
				reached('disk', `it wrote more than ${shown(limits.diskBytes)}`);
			}
		}
	};
	const schedule = () => {
		timer = setTimeout(
			() =>
				look()
					.catch(() => undefined)
					.finally(() => stopped || schedule()),
			1000,
		);
	};
	schedule();
	return {
		stop: () => {
			stopped = true;
			clearTimeout(timer);
			clearTimeout(deadline);
		},
	};
}

/** Processes that a process has started itself. */
export function childrenOf(pid: number): number[] {
	try {
		return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
	} catch {
		return [];
	}
}

/**
 * Waits until a process is gone or a zombie. The first process of a pid namespace becomes one only after all others in it
 * have ended (pid_namespaces(7)).
 *
 * @throws VpmuError (blame `host`) where that takes longer than a minute
 */
export async function ended(pid: number): Promise<void> {
	const deadline = performance.now() + 60_000;
	const startOf = (fields: readonly string[]) => fields[19];
	let start: string | undefined;
	for (;;) {
		const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
		const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
		start ??= startOf(fields);
		if (text === '' || fields[0] === 'Z' || fields[0] === 'X' || startOf(fields) !== start) return;
		if (performance.now() > deadline)
			throw new VpmuError(`process ${pid} of a sandbox does not end`, { blame: 'host' });
		await delay(5);
	}
}
