import { readFile } from 'node:fs/promises';

/**
 * Returns when a process of this machine started, in clock ticks since boot (field 22 of /proc/PID/stat). The process id and
 * this time together are unique. `undefined` if there is no such process, or it is a zombie.
 */
export async function startTime(pid: number): Promise<string | undefined> {
	const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
	// The name, in parentheses, may contain any character; the state follows it.
	const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
	return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}
