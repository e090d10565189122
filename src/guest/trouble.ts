import type { TroubleKind } from './errors.ts';

/** A line on the console that says that the kernel is in trouble. */
export interface Trouble {
	readonly kind: TroubleKind;
	readonly line: string;
	/** On the clock of `performance.now()`. */
	readonly atMs: number;
	/** Nothing that runs in the guest can be trusted to end: panic, reboot, hang. */
	readonly fatal: boolean;
}

/**
 * The kernel's own words, from kernel/panic.c, arch/arm64/kernel/traps.c and mm/fault.c, lib/bug.c, kernel/rcu/tree_stall.h,
 * kernel/watchdog.c, kernel/hung_task.c, mm/oom_kill.c (Linux 6.1 to 7.3). First match wins: a soft lockup is also a "BUG:", and so is an "Oops - BUG:".
 */
const patterns: readonly (readonly [TroubleKind, RegExp])[] = [
	['panic', /Kernel panic - not syncing/],
	['soft-lockup', /watchdog: BUG: soft lockup - CPU#/],
	['hard-lockup', /Watchdog detected hard LOCKUP on cpu/i],
	['rcu-stall', /rcu: INFO: \w+ (self-detected stall on CPU|detected (expedited )?stalls on CPUs)/],
	['hung-task', /INFO: task .{1,80} blocked for more than \d+ seconds/],
	[
		'oom-kill',
		/(Out of memory|Memory cgroup out of memory|Out of memory and no killable processes).*|oom-kill:constraint=/,
	],
	[
		'oops',
		/Internal error: (Oops|synchronous|BRK|SP\/PC|undefined|Attempting|\w[\w -]*: [0-9a-f]{8,16} \[#)|Unable to handle kernel |(^|[\s\]])Oops: /,
	],
	['bug', /kernel BUG at |(^|[\s\]])BUG: /],
	['warning', /WARNING: CPU: \d+ PID: \d+ at |WARNING: \S+ at \S+, CPU#\d+/],
];

/** The first line of every arm64 boot (arch/arm64/kernel/setup.c), always at time zero where time is printed. */
const bootBanner = /(^|\[ {4}0\.000000\](\[[^\]]*\])? )Booting Linux on physical CPU 0x/;

/** Cheap test for a whole chunk of text, so that a flood of harmless lines costs one pass. */
const suspicious =
	/panic|BUG|Oops|oops|Internal error|Unable to handle|LOCKUP|stall|blocked for|emory|WARNING|Booting Linux/;

/** Reads console lines and names what went wrong. */
export class TroubleDetector {
	#bannersAllowed: number;
	#booted: boolean;

	/** `booted`: the guest runs already, so that the first boot banner is a reboot. */
	constructor(booted: boolean) {
		this.#bannersAllowed = booted ? 0 : 1;
		this.#booted = booted;
	}

	get isBooted(): boolean {
		return this.#booted;
	}

	/** From now on a boot banner is a reboot. */
	markBooted(): void {
		this.#booted = true;
		this.#bannersAllowed = 0;
	}

	/** Whether `text`, of any number of lines, is worth being looked at line by line. */
	static isSuspicious(text: string): boolean {
		return suspicious.test(text);
	}

	/** What one whole line says. */
	look(line: string, atMs: number): Trouble | undefined {
		for (const [kind, pattern] of patterns)
			if (pattern.test(line)) return { kind, line, atMs, fatal: kind === 'panic' };
		if (bootBanner.test(line)) {
			if (this.#bannersAllowed === 0) return { kind: 'reboot', line, atMs, fatal: true };
			this.#bannersAllowed -= 1;
		}
		return undefined;
	}
}

/** A trouble in a sentence. */
export function describeTrouble({ kind, line }: Pick<Trouble, 'kind' | 'line'>): string {
	const what: Record<TroubleKind, string> = {
		panic: 'the guest kernel panicked',
		oops: 'the guest kernel oopsed',
		bug: 'the guest kernel hit a BUG',
		warning: 'the guest kernel warned',
		'rcu-stall': 'the guest kernel reports an RCU stall',
		'soft-lockup': 'the guest kernel reports a soft lockup',
		'hard-lockup': 'the guest kernel reports a hard lockup',
		'hung-task': 'the guest kernel reports a hung task',
		'oom-kill': 'the guest ran out of memory and its kernel killed a process',
		reboot: 'the guest rebooted',
		hang: 'the guest hangs',
	};
	return `${what[kind]}: ${line.trim()}`;
}
