import { type PerfStatEntry, parsePerfStat } from '../../../src/guest/index.ts';
import type { Host, HostProcess } from '../../../src/host/index.ts';
import { contention, VpmuError, within } from '../../../src/lib/index.ts';

/** A perf on the host that counts what threads do until it is stopped. */
export interface HostCount extends AsyncDisposable {
	/** Stops perf and returns one count for each event. @throws VpmuError blame `host` if perf counted nothing */
	stop(): Promise<readonly PerfStatEntry[]>;
}

/** Waits until a process has counters open, or ends. */
const untilOpen = `
for i in $(seq 600); do
	ls -l "/proc/$1/fd" | grep -q perf_event && exit 0
	sleep 0.1
done
exit 1`;

/**
 * Counts on the host what threads do, such as `cycles:G` (guest mode only) of vCPU threads, to compare with the guest's
 * own count. @throws VpmuError blame `host` if the host has no perf
 */
export async function countOnHost(
	host: Host,
	threadIds: readonly number[],
	events: readonly string[],
): Promise<HostCount> {
	const { status } = await host.run(['sh', '-c', 'command -v perf'], { timeoutMs: 10_000 * contention() });
	if (status !== 0) throw new VpmuError(`${host.name} has no perf to count with`, { blame: 'host' });
	const folder = await host.makeFolder({ own: true });
	const file = `${folder.path}/perf`;
	const argv = [
		...['perf', 'stat', '-x,', '-o', file],
		...events.flatMap(event => ['-e', event]),
		...['-t', threadIds.join(',')],
	];
	const process: HostProcess = await host.spawn(argv, { env: { LC_ALL: 'C' } });
	process.stdout.resume();
	let said = '';
	process.stderr.on('data', (bytes: Buffer) => {
		said = (said + bytes.toString()).slice(-65_536);
	});
	let ended = false;
	process.exited.then(() => {
		ended = true;
	});
	const opened = await host.run(['sh', '-c', untilOpen, 'sh', String(process.pid)], {
		timeoutMs: 90_000 * contention(),
	});
	const dispose = async () => {
		await process[Symbol.asyncDispose]();
		await folder[Symbol.asyncDispose]();
	};
	if (opened.status !== 0 || ended) {
		await dispose();
		throw new VpmuError(`perf on ${host.name} does not count ${events.join(', ')}`, {
			blame: 'host',
			evidence: said.trim().split('\n'),
		});
	}
	return {
		async stop() {
			await process.kill('SIGINT');
			await within('perf on the host to end', process.exited, { timeoutMs: 20_000 * contention() });
			const { stdout } = await host.run(['cat', file], { timeoutMs: 10_000 * contention() });
			return parsePerfStat(stdout.toString());
		},
		[Symbol.asyncDispose]: dispose,
	};
}
