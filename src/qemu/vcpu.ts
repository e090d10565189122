import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../host/host.ts';
import { UsageError, VpmuError } from '../lib/errors.ts';
import type { WaitOptions } from '../lib/waiting/deadline.ts';
import { contention } from '../lib/waiting/fair-clock.ts';
import { exitReasonName, parseTrace } from './trace.ts';

/** The part of a QMP connection that is used here. */
export interface QmpAsk {
	execute(command: string, args?: Readonly<Record<string, unknown>>, options?: WaitOptions): Promise<unknown>;
}

/** The host thread that runs a vCPU. */
export interface VcpuThread {
	readonly index: number;
	readonly threadId: number;
	/** Path of the CPU object in QEMU's object tree, for `qom-get`. */
	readonly qomPath: string;
}

/** Lists the vCPUs of a running QEMU and their threads, by index (`query-cpus-fast`). @throws QmpError */
export async function vcpuThreads(qmp: QmpAsk, options: WaitOptions = {}): Promise<readonly VcpuThread[]> {
	const cpus = (await qmp.execute('query-cpus-fast', undefined, options)) as readonly {
		'cpu-index': number;
		'thread-id': number;
		'qom-path': string;
	}[];
	return cpus
		.map(cpu => ({ index: cpu['cpu-index'], threadId: cpu['thread-id'], qomPath: cpu['qom-path'] }))
		.sort((a, b) => a.index - b.index);
}

/** Sets the affinity, then prints the resulting list from the kernel. */
const pin = 'taskset -pc "$1" "$2" >/dev/null && sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" "/proc/$2/status"';

/**
 * Restricts a thread on the host to the host CPUs `cpus` (list format, such as `0-3,8`). Returns the resulting list from the
 * kernel, which is shorter if some CPUs are offline.
 *
 * @throws VpmuError, blame `host`, when the thread has ended, no CPU of the list is online, or the host has no taskset
 */
export async function pinThread(
	host: Host,
	threadId: number,
	cpus: string,
	options: WaitOptions = {},
): Promise<string> {
	if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(cpus)) {
		throw new UsageError(`'${cpus}' is not a list of host CPUs, such as 0-3,8`);
	}
	const result = await host.run(['sh', '-c', pin, 'sh', cpus, String(threadId)], options);
	if (result.status !== 0) {
		throw new VpmuError(`thread ${threadId} could not be pinned to host CPUs ${cpus} on ${host.name}`, {
			blame: 'host',
			evidence: result.stderr.toString('utf8').trim().split('\n'),
		});
	}
	return result.stdout.toString('latin1').trim();
}

/** What a thread has done so far. Times are in clock ticks of the host (`getconf CLK_TCK`, 100 per second). */
export interface ThreadTimes {
	/** One letter, as in proc(5): R runs, S sleeps, D waits, T is stopped. */
	readonly state: string;
	readonly userTicks: number;
	readonly systemTicks: number;
	/** Host CPU that it last ran on. */
	readonly hostCpu: number;
}

/** Parses `/proc/PID/task/TID/stat` (proc(5)); the name in it may contain spaces and parentheses. */
export function parseThreadStat(text: string): ThreadTimes | undefined {
	const fields = text
		.slice(text.lastIndexOf(')') + 2)
		.trim()
		.split(/\s+/);
	// proc(5) numbers fields from 1; the first field here is number 3.
	const [state, userTicks, systemTicks, hostCpu] = [fields[0], fields[11], fields[12], fields[36]];
	if (state === undefined || hostCpu === undefined) return undefined;
	return { state, userTicks: Number(userTicks), systemTicks: Number(systemTicks), hostCpu: Number(hostCpu) };
}

/** The diagnosis of one vCPU over a short sample. */
export interface VcpuDiagnosis extends VcpuThread {
	/** Host CPUs that its thread may use. */
	readonly affinity: string;
	readonly hostCpu: number;
	readonly state: string;
	/** Share of the sample in which its thread ran, 0 to 1, by clock ticks. */
	readonly busy: number;
	/** Number of returns from KVM_RUN to QEMU during the sample, by reason. */
	readonly exits: Readonly<Record<string, number>>;
	/**
	 * `cannot-enter`: KVM refuses to run the vCPU (repeated KVM_EXIT_FAIL_ENTRY), so it makes no progress, although QEMU
	 * reports `running`. KVM does so on a host CPU that the vCPU's PMU does not count on. `waits`: the thread is runnable, but
	 * the host gives it no CPU.
	 */
	readonly verdict: 'runs' | 'idle' | 'waits' | 'stopped' | 'cannot-enter';
	/** The verdict in a sentence. */
	readonly text: string;
}

/**
 * Prints affinity and `stat` of threads, one line each, once each thread has run for `$2` clock ticks or sleeps, but after at
 * most `$3` looks. The result must not depend on how soon the host schedules a thread.
 */
const look = `
pid=$1 need=$2 looks=$3; shift 3
ticks() { read -r line <"/proc/$pid/task/$1/stat" || return 1; set -- \${line##*) }; state=$1 used=$((\${12} + \${13})); }
for thread; do ticks "$thread" && eval "first_$thread=$used last_$thread=$used"; done
while [ "$looks" -gt 0 ]; do
	sleep 0.02 2>/dev/null || sleep 1
	looks=$((looks - 1)) over=yes
	for thread; do
		ticks "$thread" || continue
		eval "first=\\$first_$thread last=\\$last_$thread last_$thread=$used"
		[ $((used - first)) -ge "$need" ] || { [ $state != R ] && [ $used = $last ]; } || over=no
	done
	[ $over = no ] || break
done
for thread; do
	printf '%s ' "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$pid/task/$thread/status")"
	cat "/proc/$pid/task/$thread/stat"
done`;

/** Clock ticks of CPU time in which KVM refuses a vCPU thousands of times. */
const needTicks = 2;
/** Number of looks, 20 ms each: about 6 s for a thread that the host does not schedule. */
const mostLooks = 300;

/**
 * Diagnoses each vCPU: how busy its thread is, and why KVM returns to QEMU. The trace event `kvm_run_exit` is enabled only
 * until each thread has run briefly or sleeps, because a vCPU that cannot be entered logs it hundreds of thousands of times
 * per second. Waits for a thread that gets no CPU time from its host, so that the result does not depend on the load.
 *
 * @param logPath the file of QEMU's `-D` on the host
 * @throws QmpError, HostError, DeadlineError, the signal's reason
 */
export async function diagnoseVcpus(
	{ host, qmp, pid, logPath }: { host: Host; qmp: QmpAsk; pid: number; logPath: string },
	{ sampleMs = 300, signal, timeoutMs = 20_000 * contention() }: WaitOptions & { readonly sampleMs?: number } = {},
): Promise<readonly VcpuDiagnosis[]> {
	const limits = { signal, timeoutMs };
	const threads = await vcpuThreads(qmp, limits);
	const { running } = (await qmp.execute('query-status', undefined, limits)) as { running: boolean };
	const read = (looks: number) => readThreads(host, pid, threads, { looks, ...limits });
	const trace = async (enable: boolean, wait: WaitOptions) => {
		try {
			await qmp.execute('trace-event-set-state', { name: 'kvm_run_exit', enable }, wait);
		} catch (error) {
			// A QEMU built without KVM does not know the event, and KVM cannot refuse any of its vCPUs.
			if ((error as { code?: unknown }).code !== 'QMP_COMMAND') throw error;
		}
	};
	const logSize = await sizeOf(host, logPath, limits);
	const before = await read(0);
	const startedAt = performance.now();
	try {
		await trace(true, limits);
		await read(mostLooks);
	} finally {
		// Disable it even after an abort: otherwise it would fill the disk.
		await trace(false, { timeoutMs });
	}
	await pause(Math.max(0, sampleMs - (performance.now() - startedAt)), signal);
	const after = await read(0);
	const elapsedMs = performance.now() - startedAt;
	const log = await host.read(logPath, { ...limits, from: logSize, maxBytes: 1_000_000, cut: true, untrusted: true });
	const exits = exitsByVcpu(log.toString('latin1'));
	return threads.map((thread, position) => {
		const [was, is] = [before[position], after[position]];
		const ticks = is && was ? is.userTicks + is.systemTicks - was.userTicks - was.systemTicks : 0;
		const seen = exits.get(thread.index) ?? new Map<number, number>();
		const found = {
			...thread,
			affinity: is?.affinity ?? '',
			hostCpu: is?.hostCpu ?? -1,
			state: is?.state ?? '?',
			busy: Math.min(1, (ticks * 10) / elapsedMs),
			exits: Object.fromEntries([...seen].map(([reason, count]) => [exitReasonName(reason) ?? String(reason), count])),
		};
		return { ...found, ...judge({ ...found, ticks }, running, seen) };
	});
}

const KVM_EXIT_FAIL_ENTRY = 9;

function judge(
	vcpu: Pick<VcpuDiagnosis, 'index' | 'threadId' | 'hostCpu' | 'affinity' | 'state' | 'busy'> & {
		readonly ticks: number;
	},
	running: boolean,
	exits: ReadonlyMap<number, number>,
): Pick<VcpuDiagnosis, 'verdict' | 'text'> {
	const name = `vCPU ${vcpu.index} (thread ${vcpu.threadId}, on host CPU ${vcpu.hostCpu}, allowed ${vcpu.affinity})`;
	const refused = exits.get(KVM_EXIT_FAIL_ENTRY) ?? 0;
	// A running guest returns for other reasons, or not at all. Two refusals in a row are not a coincidence.
	if (refused >= 2) {
		return {
			verdict: 'cannot-enter',
			text: `${name} makes no progress: KVM refused to enter it ${refused} times in the sample (KVM_EXIT_FAIL_ENTRY)`,
		};
	}
	if (!running) return { verdict: 'stopped', text: `${name} is stopped` };
	if (vcpu.state === 'R' && vcpu.ticks < needTicks) {
		return { verdict: 'waits', text: `${name} is ready to run, and the host gives it no CPU` };
	}
	if (vcpu.state !== 'R' && vcpu.busy < 0.05) return { verdict: 'idle', text: `${name} is idle` };
	return { verdict: 'runs', text: `${name} runs, ${Math.round(vcpu.busy * 100)} % of a host CPU` };
}

function exitsByVcpu(text: string): Map<number, Map<number, number>> {
	const found = new Map<number, Map<number, number>>();
	for (const { event, numbers } of parseTrace(text).events) {
		if (event !== 'kvm_run_exit' || numbers.cpu_index === undefined || numbers.reason === undefined) continue;
		const reasons = found.get(numbers.cpu_index) ?? new Map<number, number>();
		reasons.set(numbers.reason, (reasons.get(numbers.reason) ?? 0) + 1);
		found.set(numbers.cpu_index, reasons);
	}
	return found;
}

async function readThreads(
	host: Host,
	pid: number,
	threads: readonly VcpuThread[],
	{ looks, ...limits }: WaitOptions & { readonly looks: number },
) {
	const numbers = [pid, needTicks, looks].map(String);
	const argv = ['sh', '-c', look, 'sh', ...numbers, ...threads.map(({ threadId }) => String(threadId))];
	const { stdout } = await host.run(argv, limits);
	return stdout
		.toString('latin1')
		.trimEnd()
		.split('\n')
		.map(line => {
			const times = parseThreadStat(line.slice(line.indexOf(' ') + 1));
			return times === undefined ? undefined : { ...times, affinity: line.slice(0, line.indexOf(' ')) };
		});
}

async function sizeOf(host: Host, file: string, limits: WaitOptions): Promise<number> {
	const { stdout } = await host.run(['stat', '-c', '%s', '--', file], limits);
	return Number(stdout.toString('latin1').trim()) || 0;
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
	await delay(milliseconds, undefined, { signal }).catch(() => signal?.throwIfAborted());
}
