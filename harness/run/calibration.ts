import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { cpus, hostname } from 'node:os';
import * as v from 'valibot';
import type { Host } from '../../src/host/index.ts';
import { type Cache, damageOfJson, readKept } from '../../src/image/index.ts';
import { contentionOf, formatDuration, type Shape, VpmuError } from '../../src/lib/index.ts';
import type { HostFacts } from '../../src/pmu/index.ts';

/** The speed of a host, measured once. */
export interface Calibration {
	/** The smallest CPU time of several runs of the same single-CPU loop. */
	readonly loopMs: number;
	/** Factor for every deadline: how much slower than the reference machine, at least 1. */
	readonly slowness: number;
	/** ISO 8601. */
	readonly measuredAt: string;
}

/**
 * The loop's iterations, and the CPU time that means a factor of 1: measured on a server of 2024, and on an emulated
 * host twice as fast as one that such a server emulates.
 */
const measures = {
	direct: { turns: 60_000, referenceMs: 90 },
	emulated: { turns: 10_000, referenceMs: 170 },
} as const;

const calibrationShape: Shape<Calibration> = v.looseObject({
	loopMs: v.pipe(v.number(), v.minValue(0)),
	slowness: v.pipe(v.number(), v.minValue(1)),
	measuredAt: v.string(),
});

/** Upper limit of the factor: on a slower host something else is wrong. */
const largestSlowness = 60;

/** `times` (POSIX) prints the CPU time of the shell itself first, such as `0m0.090s 0m0.000s`. */
const loop = (turns: number) => `i=0; while [ $i -lt ${turns} ]; do i=$((i+1)); done; times`;

const samples = 3;

/**
 * Measures how fast one CPU of a host is, by the CPU time of a shell loop, which does not depend on other load.
 * @throws HostError, DeadlineError; VpmuError blame `host` if its shell cannot run the loop
 */
export async function measureSpeed(host: Pick<Host, 'run' | 'name' | 'kind'>): Promise<Calibration> {
	const { turns, referenceMs } = measures[host.kind === 'board' ? 'emulated' : 'direct'];
	let loopMs = Number.POSITIVE_INFINITY;
	for (let sample = 0; sample < samples; sample++) {
		const { status, stdout } = await host.run(['sh', '-c', loop(turns)], { timeoutMs: 120_000 });
		const [, minutes, seconds] = /^(\d+)m([\d.]+)s/.exec(stdout.toString('latin1', 0, 100)) ?? [];
		if (status !== 0 || minutes === undefined) {
			throw new VpmuError(`the shell of ${host.name} cannot measure a loop (status ${status})`, { blame: 'host' });
		}
		loopMs = Math.min(loopMs, Math.round((Number(minutes) * 60 + Number(seconds)) * 1000));
	}
	return { loopMs, slowness: slownessOf(loopMs / referenceMs), measuredAt: new Date().toISOString() };
}

/** A faster machine gets no shorter deadlines, since its disks and schedulers need not be faster. */
export function slownessOf(ratio: number): number {
	return Math.min(largestSlowness, Math.max(1, Number(ratio.toFixed(1))));
}

/**
 * Measures how many tasks share each CPU of a host behind ssh, at least 1. The load of this machine and its boards is
 * measured where a deadline begins (`contention`). @throws HostError, DeadlineError
 */
export async function loadOf(host: Pick<Host, 'run' | 'kind'>): Promise<number> {
	if (host.kind !== 'ssh') return 1;
	const { stdout } = await host.run(['sh', '-c', 'cat /proc/loadavg; nproc'], { timeoutMs: 60_000 });
	const [line = '', count = ''] = stdout.toString('latin1').split('\n');
	return contentionOf(line, Number(count) || 1);
}

/** Returns the calibration of a host, from the cache or measured now. @throws as {@link measureSpeed} */
export async function calibrate(cache: Cache, host: Host, facts: HostFacts): Promise<Calibration> {
	const file = await cache.keep(
		'calibrations',
		identityOf(host, facts),
		async to => {
			const calibration = await measureSpeed(host);
			await writeFile(to, `${JSON.stringify(calibration)}\n`);
			const { loopMs, slowness } = calibration;
			return {
				label: `speed of ${host.name}: ${formatDuration(loopMs)} of CPU for the loop, deadlines times ${slowness}`,
			};
		},
		damageOfJson(calibrationShape),
	);
	return await readKept(file, calibrationShape);
}

/** Identifies a host as far as its speed goes. A board is as fast as the machine that emulates it. */
function identityOf(host: Host, { kernel }: HostFacts): string {
	const here = [hostname(), cpus()[0]?.model, cpus().length];
	const identity = host.kind === 'local' ? here : host.kind === 'board' ? ['board', ...here] : [host.name, kernel];
	return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 20);
}
