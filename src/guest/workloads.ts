import { lastLinesOf, shorten } from '../lib/text/foreign.ts';
import { GuestError } from './errors.ts';

/** The user-space work of one run of a workload, from its first instruction to its exit. */
export interface WorkloadFigures {
	/** Exact count; `null` if threads wait for one another. */
	readonly instructions: bigint | null;
	/** Per turn of the inner loop. The code around the loop is constant for every N with the same number of digits. */
	readonly loop: {
		readonly instructions: bigint;
		readonly branches: bigint;
		readonly loads: bigint;
		readonly stores: bigint;
		readonly systemCalls: bigint;
		readonly pageFaults: bigint;
	};
}

/** A program in the guest image that does a known amount of work (images/tools/workload/workload.c). */
export interface Workload {
	readonly name: string;
	/** The command line for `n` turns, 1 <= `n` < 10^18. */
	argv(n: bigint | number): string[];
	/** The expected counts for `n` turns: exact, or as the slope between `n` and `2n`. */
	figures(n: bigint | number): WorkloadFigures;
}

const program = '/vpmu/workload';

interface PerTurn {
	readonly instructions: number;
	readonly branches?: number;
	readonly loads?: number;
	readonly stores?: number;
	readonly systemCalls?: number;
	readonly pageFaults?: number;
}

function workload(
	name: string,
	perTurn: PerTurn,
	around: { readonly fixed: number; readonly perDigit: number } | null,
	threads = 1,
): Workload {
	const turns = (n: bigint | number) => {
		const count = BigInt(n);
		if (count < 1n || count >= 10n ** 18n)
			throw new RangeError(`${n} is not a valid number of turns of the workload ${name}; allowed: 1 to 10^18-1`);
		return count;
	};
	return {
		name,
		argv: n => [program, name, String(turns(n)), ...(name === 'threads' ? [String(threads)] : [])],
		figures: n => {
			const count = turns(n);
			const times = (each = 0) => count * BigInt(each * threads);
			return {
				instructions:
					around === null
						? null
						: times(perTurn.instructions) + BigInt(around.fixed + around.perDigit * String(count).length),
				loop: {
					instructions: times(perTurn.instructions),
					branches: times(perTurn.branches ?? 1),
					loads: times(perTurn.loads),
					stores: times(perTurn.stores),
					systemCalls: times(perTurn.systemCalls),
					pageFaults: times(perTurn.pageFaults),
				},
			};
		},
	};
}

/**
 * The known workloads. The overhead around each loop was counted with the kernel's single steps (`workload steps`) in the
 * committed binary; workloads.real.ts checks it.
 */
export const workloads = {
	/** add, eor, subs, b.ne */
	loop: workload('loop', { instructions: 4 }, { fixed: 462, perDigit: 22 }),
	/** nop, three branches to the next instruction, subs, b.ne */
	branches: workload('branches', { instructions: 6, branches: 4 }, { fixed: 569, perDigit: 22 }),
	/** four ldr of 8 bytes from one cache line, subs, b.ne */
	loads: workload('loads', { instructions: 6, loads: 4 }, { fixed: 528, perDigit: 22 }),
	/** four str of 8 bytes to one cache line, subs, b.ne */
	stores: workload('stores', { instructions: 6, stores: 4 }, { fixed: 565, perDigit: 22 }),
	/** mov, svc (getppid), subs, b.ne */
	syscalls: workload('syscalls', { instructions: 4, systemCalls: 1 }, { fixed: 626, perDigit: 22 }),
	/** strb to a fresh page, add, subs, b.ne. The overhead depends on the environment's size, so only the slope is known. */
	faults: workload('faults', { instructions: 4, stores: 1, pageFaults: 1 }, null),
	/** Runs `loop` in this many threads at once. */
	threads: (count: number): Workload => {
		if (!Number.isInteger(count) || count < 1 || count > 64)
			throw new RangeError(`${count} is not a valid number of threads; allowed: 1 to 64`);
		return workload('threads', { instructions: 4 }, null, count);
	},
} as const;

/** The command line that single-steps a workload and prints its instruction count. Slow: use a small `n`. */
export function stepsCommand(one: Workload, n: bigint | number): string[] {
	const [path, ...rest] = one.argv(n);
	return [path!, 'steps', ...rest];
}

/** The output of the workload program: which workloads finished, and what `steps` counted. */
export interface WorkloadReport {
	readonly done: readonly { readonly name: string; readonly n: bigint }[];
	readonly steps: bigint | null;
}

/**
 * Parses what a workload printed on its standard output.
 * @throws GuestError kind `protocol` if it holds anything else, or does not report completion
 */
export function parseWorkloadReport(text: string): WorkloadReport {
	const done: { name: string; n: bigint }[] = [];
	let steps: bigint | null = null;
	for (const line of text.split('\n').filter(one => one !== '')) {
		const finished = /^vpmu-workload ([a-z]{1,20}) ([1-9]\d{0,17}) done$/.exec(line);
		const counted = /^vpmu-workload steps (\d{1,20})$/.exec(line);
		if (finished !== null) done.push({ name: finished[1]!, n: BigInt(finished[2]!) });
		else if (counted !== null) steps = BigInt(counted[1]!);
		else
			throw new GuestError('protocol', `unexpected output of the workload: ${JSON.stringify(shorten(line))}`, {
				evidence: [shorten(line)],
			});
	}
	if (done.length === 0)
		throw new GuestError('protocol', 'the workload did not report that it was done', { evidence: lastLinesOf(text) });
	return { done, steps };
}
