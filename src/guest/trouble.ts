import { shorten } from '../lib/text/foreign.ts';
import type { TroubleKind } from './errors.ts';
import { isSuspicious, type KernelTroubleKind, recognise } from './kernel/words.ts';

/** A console line that reports kernel trouble. */
export interface Trouble {
	readonly kind: TroubleKind;
	/** The finer name of a kernel report, such as `kasan` for a `bug`. */
	readonly what?: string;
	readonly line: string;
	/** On the clock of `performance.now()`. */
	readonly atMs: number;
	/** Whether nothing in the guest can be expected to finish any more: panic, reboot, hang. */
	readonly fatal: boolean;
}

/** The first line of every arm64 boot (arch/arm64/kernel/setup.c), always at time zero if it has a time stamp. */
const bootBanner = /(^|\[ {4}0\.000000\](\[[^\]]*\])? )Booting Linux on physical CPU 0x/m;

/** Reads console lines and classifies trouble. */
export class TroubleDetector {
	#bannersAllowed: number;
	#booted: boolean;

	/** `booted`: the guest is already running, so the first boot banner is a reboot. */
	constructor(booted: boolean) {
		this.#bannersAllowed = booted ? 0 : 1;
		this.#booted = booted;
	}

	get isBooted(): boolean {
		return this.#booted;
	}

	/** Treats a boot banner as a reboot from now on. */
	markBooted(): void {
		this.#booted = true;
		this.#bannersAllowed = 0;
	}

	/** Whether `text`, of any number of lines, needs to be checked line by line. */
	static isSuspicious(text: string): boolean {
		return isSuspicious(text) || bootBanner.test(text);
	}

	/** Classifies one complete line. */
	look(whole: string, atMs: number): Trouble | undefined {
		const line = shorten(whole);
		const said = recognise(line);
		if (said !== undefined) return { ...said, line, atMs, fatal: said.kind === 'panic' };
		if (bootBanner.test(line)) {
			if (this.#bannersAllowed === 0) return { kind: 'reboot', line, atMs, fatal: true };
			this.#bannersAllowed -= 1;
		}
		return undefined;
	}
}

const sentences: Readonly<Record<KernelTroubleKind, string>> = {
	panic: 'panicked',
	oops: 'oopsed',
	bug: 'hit a BUG',
	warning: 'warned',
	'rcu-stall': 'reports an RCU stall',
	'soft-lockup': 'reports a soft lockup',
	'hard-lockup': 'reports a hard lockup',
	'workqueue-lockup': 'reports a workqueue lockup',
	'hung-task': 'reports a hung task',
	'oom-kill': 'ran out of memory and killed a process',
	'cpu-failed': 'reports a CPU that failed',
	pmu: 'complains about the PMU',
	ubsan: 'found undefined behaviour (UBSAN)',
	'memory-leak': 'found a memory leak',
	hardware: 'reports a hardware error',
};

/** Describes what a kernel did, as the end of a sentence: `the guest kernel …`. */
export function describeKernelTrouble(kind: KernelTroubleKind): string {
	return sentences[kind];
}

/** Describes a trouble in a sentence. */
export function describeTrouble({ kind, line }: Pick<Trouble, 'kind' | 'line'>): string {
	const what =
		kind === 'reboot'
			? 'the guest rebooted'
			: kind === 'hang'
				? 'the guest hangs'
				: `the guest kernel ${describeKernelTrouble(kind)}`;
	return `${what}: ${line.trim()}`;
}
