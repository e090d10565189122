import { readdir, readFile, readlink } from 'node:fs/promises';
import { poll } from '../../src/lib/index.ts';

/** A process with a mark in its environment, which is inherited by everything that a marked vpmu starts. */
export interface MarkedProcess {
	readonly pid: number;
	readonly command: string;
	/**
	 * Memory without files (`Pss_Anon` of proc_pid_smaps(5)): how much of a program's file a process is charged with depends on
	 * who else runs it. 0 for a process that is gone or not ours.
	 */
	readonly memoryBytes: number;
	readonly descriptors: number;
	readonly isNode: boolean;
}

/** Finds the processes of this machine with `mark` in their environment. */
export async function processesWith(mark: string): Promise<MarkedProcess[]> {
	const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name) && Number(name) !== process.pid);
	const found = await Promise.all(
		pids.map(async pid => {
			const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'latin1').catch(() => '');
			if (!(await read('environ')).includes(mark)) return undefined;
			const command = (await read('cmdline')).replaceAll('\0', ' ').trim();
			// A zombie has ended: it only waits for its parent to reap it.
			if (command === '') return undefined;
			const anonymous = /^Pss_Anon:\s+(\d+) kB/m.exec(await read('smaps_rollup'))?.[1] ?? '0';
			const descriptors = (await readdir(`/proc/${pid}/fd`).catch(() => [])).length;
			const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
			return {
				pid: Number(pid),
				command,
				memoryBytes: Number(anonymous) * 1024,
				descriptors,
				isNode: /\/node$/.test(program),
			};
		}),
	);
	return found.filter(one => one !== undefined);
}

/** Where a marked vpmu can leave something behind. */
export interface Traces {
	/** The mark in the environment of all its processes. */
	readonly mark: string;
	/** Its TMPDIR and other folders that must be empty. */
	readonly folders: readonly string[];
}

/** Describes what is left of a vpmu; empty if nothing is. */
export async function leftovers({ mark, folders }: Traces): Promise<string[]> {
	const processes = await processesWith(mark);
	const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').filter(line => line.includes(mark));
	const sockets = (await readFile('/proc/net/unix', 'utf8')).split('\n').filter(line => line.includes(mark));
	const files = await Promise.all(
		folders.map(async folder => (await readdir(folder).catch(() => [])).map(name => `${folder}/${name}`)),
	);
	return [
		...processes.map(({ pid, command }) => `process ${pid}: ${command.slice(0, 150)}`),
		...mounts.map(line => `mount: ${line}`),
		...sockets.map(line => `socket: ${line}`),
		...files.flat().map(file => `file: ${file}`),
	];
}

/** Waits until nothing is left, and returns descriptions of what is still left after `timeoutMs`. */
export async function settledLeftovers(traces: Traces, timeoutMs: number): Promise<string[]> {
	await poll('nothing to be left', async () => ((await leftovers(traces)).length === 0 ? true : undefined), {
		timeoutMs,
		everyMs: 200,
	}).catch(() => undefined);
	return await leftovers(traces);
}
