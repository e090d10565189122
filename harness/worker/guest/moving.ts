import { parsePerfStat } from '../../../src/guest/index.ts';
import { poll, VpmuError } from '../../../src/lib/index.ts';
import type { GuestReading } from '../../../src/pmu/index.ts';
import type { Guest } from './guest.ts';

/** One stop of a vCPU that was moved while its guest counted. */
export interface Stay {
	/** Host CPUs to which the vCPUs were pinned. */
	readonly pinned: string;
	readonly reading: GuestReading;
	/** The count of each interval; `null` for one that was not counted. */
	readonly counts: readonly (string | null)[];
	/** Where the vCPU could not run: what was found. */
	readonly refused?: { readonly text: string };
}

/** Interval at which the guest's perf reads its counter, and how many intervals each stop must last. */
const intervalMs = 250;
const intervals = 3;

const output = '/tmp/vpmu-moving';

/**
 * Counts in the guest without a pause while its vCPUs are moved from one group of host CPUs to the next. One `perf
 * stat` prints a count for each interval, which shows what the counter does at each stop. Where `cannotRun` says so,
 * KVM must be seen refusing the vCPU, and the guest continues at the next stop.
 *
 * @throws DeadlineError if a guest that should run makes no progress, or one that should not run is not refused
 */
export async function countWhileMoving(
	guest: Guest,
	asked: string,
	way: readonly string[],
	cannotRun: (pinned: string) => boolean,
): Promise<readonly Stay[]> {
	const event = guest.eventFor(asked);
	const [home] = way;
	if (home === undefined) throw new RangeError('a route needs a first stop');
	await guest.moveVcpus(home);
	// The work ends when told to: how long the moves take is not known in advance.
	await guest.run(
		`setsid perf stat -x, -I ${intervalMs} -e ${event} -o ${output} -- /vpmu/workload loop 99999999999999999 >/dev/null 2>&1 &`,
	);
	// perf takes a while to start.
	await guest.run(
		`for i in $(seq 1200); do grep -q ${event} ${output} 2>/dev/null && exit 0; usleep 100000; done; exit 1`,
		180_000,
	);
	const stays: Stay[] = [];
	try {
		for (const [index, pinned] of way.entries()) {
			if (index > 0) await guest.moveVcpus(pinned);
			stays.push(cannotRun(pinned) ? await refusedStay(guest, event, pinned) : await stay(guest, event, pinned));
		}
		return stays;
	} finally {
		const text = stays
			.map(one => `${one.pinned}: ${one.reading.count ?? one.refused?.text ?? one.reading.state}`)
			.join('\n');
		guest.keepMoved({
			...{ event, intervalMs },
			stays: stays.map(({ pinned, counts, refused }) => ({
				...{ pinned, counts },
				...(refused === undefined ? {} : { refused: refused.text }),
			})),
		});
		guest.keep(`${event} while moved over ${way.join(' > ')}`, text);
	}
}

/** Continues to read a count that {@link countWhileMoving} left running, for example in a guest restored elsewhere. */
export async function resumeMoving(guest: Guest, event: string, pinned: string): Promise<Stay> {
	return await stay(guest, guest.eventFor(event), pinned);
}

/** Ends the count and waits until perf has ended too. The guest must be running. */
export async function endMoving(guest: Guest): Promise<void> {
	await guest.run(
		`killall workload; for i in $(seq 1200); do pidof perf >/dev/null || exit 0; usleep 100000; done; exit 1`,
		180_000,
	);
}

async function refusedStay(guest: Guest, event: string, pinned: string): Promise<Stay> {
	const { text } = await guest.refusedVcpu();
	const reading = { event, state: 'stuck', count: null, runningPct: null, pinned, worked: false } as const;
	return { pinned, reading, counts: [], refused: { text } };
}

async function stay(guest: Guest, event: string, pinned: string): Promise<Stay> {
	const lines = async () => {
		const text = await guest.run(`pidof workload >/dev/null && cat ${output}`);
		// Leave an incomplete line for the next read.
		const whole = text.subarray(0, text.lastIndexOf(10) + 1).toString();
		return whole.split('\n').some(line => line.includes(event)) ? parsePerfStat(whole) : [];
	};
	// The interval in progress at the move belongs to both stops.
	const skipped = (await lines()).length + 1;
	const seen = await poll(
		`counts of the guest on host CPUs ${pinned}`,
		async () => {
			const all = await lines();
			return all.length >= skipped + intervals ? all.slice(skipped) : undefined;
		},
		{ timeoutMs: 90_000 * guest.slowness, everyMs: 200 },
	);
	const odd = seen.find(one => one.event !== event || one.intervalSeconds === null);
	if (odd !== undefined)
		throw new VpmuError(`perf printed ${odd.event} while ${event} was counted`, { blame: 'guest' });
	const uncounted = seen.find(one => one.state !== 'counted');
	const running = seen.map(one => one.runningPct ?? 0);
	return {
		pinned,
		counts: seen.map(one => one.count?.toString() ?? null),
		reading: {
			event,
			state: uncounted?.state ?? 'counted',
			count: uncounted === undefined ? seen.reduce((sum, one) => sum + (one.count ?? 0n), 0n) : null,
			runningPct: Math.min(...running),
			pinned,
			worked: true,
		},
	};
}
