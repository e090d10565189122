import { readFile } from 'node:fs/promises';

/**
 * When a process of this machine started, in clock ticks since boot (field 22 of /proc/PID/stat): with it, a process id
 * names a process for good. `undefined` when there is none; zombies count as none.
 */
export async function startTime(pid: number): Promise<string | undefined> {
	const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
	// The name, in parentheses, may hold anything; the state follows it.
	const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
	return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}
