/** What a kernel can report. The coarse kinds follow the kernel's own wording; {@link Recognised.what} is finer. */
export type KernelTroubleKind =
	| 'panic'
	| 'oops'
	| 'bug'
	| 'warning'
	| 'rcu-stall'
	| 'soft-lockup'
	| 'hard-lockup'
	| 'workqueue-lockup'
	| 'hung-task'
	| 'oom-kill'
	| 'cpu-failed'
	| 'pmu'
	| 'ubsan'
	| 'memory-leak'
	| 'hardware';

/** What one line of a kernel log says. */
export interface Recognised {
	readonly kind: KernelTroubleKind;
	/** The finer name, such as `kasan` for a `bug` or `lockdep` for a `warning`. */
	readonly what: string;
}

type Words = readonly (readonly [KernelTroubleKind, string, RegExp])[];

/**
 * Patterns for kernel messages, Linux 4.x to 7.x. All quantifiers are bounded, so matching takes time linear in the line's length.
 * The first match wins: a soft lockup is also a `BUG:`, and so is an `Oops - BUG:`.
 */
const words: Words = [
	// kernel/panic.c; arch/arm64/kernel/traps.c (an overflow of the stack panics a moment later); arch/x86/kernel/traps.c
	[
		'panic',
		'panic',
		/Kernel panic - not syncing|(?<!\w)PANIC: (double fault|early exception)|trusty: panic|rust_kernel: panicked|HYP panic:/,
	],
	['panic', 'hypervisor', /nVHE hyp (panic|BUG) at|Invalid host exception to nVHE hyp/],
	['panic', 'stack-overflow', /Insufficient stack space to handle exception|kernel stack overflow/i],

	// kernel/watchdog.c, watchdog_hld.c (watchdog_perf.c, watchdog_buddy.c since 6.5), kernel/sched/ext.c, powerpc's own
	['soft-lockup', 'soft-lockup', /(?<!\w)soft lockup - CPU ?#?\d/i],
	[
		'hard-lockup',
		'hard-lockup',
		/Watchdog[^\n]{0,40} (detected )?hard LOCKUP|NMI Watchdog detected LOCKUP|(?<!\w)Hard lockup - CPU ?#?\d/i,
	],
	// kernel/smp.c
	['soft-lockup', 'csd-lock', /csd: (Detected|Continued) non-responsive CSD lock/],
	// kernel/workqueue.c
	[
		'workqueue-lockup',
		'workqueue-lockup',
		/BUG: workqueue lockup|workqueue: stall lasted \d|workqueue: \d+ stall\(s\) exceeded/,
	],

	// kernel/rcu/tree_stall.h, tree_exp.h, tasks.h, tiny.c; until 4.19 without the prefix "rcu: "
	[
		'rcu-stall',
		'rcu-stall',
		/(?<!\w)(INFO: )?rcu\w{0,20} (self-)?detected (expedited )?stalls?\b|(?<!\w)rcu\w{0,20} kthread (starved for|timer wakeup didn't happen for)/,
	],

	// kernel/hung_task.c: since 7.1 it names what the task waits for; "can't die" was in linux-next
	[
		'hung-task',
		'hung-task',
		/INFO: task [^\n]{1,80}? (blocked( [^\n:]{1,60}?)? for more than \d+ seconds|can't die for more than \d+ seconds)/,
	],
	// The same when the name (at most 15 bytes, of any value: kernel/sys.c, PR_SET_NAME) holds a line break: printk then prints
	// two lines with a prefix each, of which the second has the pid.
	[
		'hung-task',
		'hung-task',
		/[>\]] {0,2}[^\n\]]{0,15}:\d{1,7} (blocked( [^\n:]{1,60}?)?|can't die) for more than \d+ seconds\./,
	],
	// net/core/dev.c, kernel/locking/rwsem.c and others that wait forever
	['hung-task', 'netdevice', /unregister_netdevice: waiting for \S{1,40} to become free/],

	// mm/oom_kill.c
	[
		'oom-kill',
		'oom-kill',
		/(Memory cgroup )?[Oo]ut of memory(: Kill(ed)? process| and no killable processes| \(oom_kill_allocating_task\)|: unable to)|oom-kill:constraint=|invoked oom-killer:|System is deadlocked on memory/,
	],

	// arch/arm64/kernel/traps.c (die), mm/fault.c; other architectures' own. "[#1]" is the counter of die() everywhere.
	['oops', 'ubsan', /Internal error: UBSAN/],
	['oops', 'undefined-instruction', /Internal error: (Oops - )?[Uu]ndefined instruction/],
	['oops', 'serror', /SError Interrupt on CPU ?\d|Asynchronous SError Interrupt|Internal error: [^\n]{0,40}SError/],
	['oops', 'null-dereference', /Unable to handle kernel NULL pointer dereference|BUG: kernel NULL pointer dereference/],
	['oops', 'page-fault', /BUG: unable to handle (kernel|page fault)|Unable to handle kernel /],
	['oops', 'efi', /Unable to handle [^\n]{1,60} in EFI runtime service/],
	[
		'oops',
		'bad-mode',
		/Bad mode in [^\n]{1,40} handler detected|Bad EL0 synchronous exception detected|Unhandled [^\n]{1,60} exception on CPU ?\d|Unhandled exception, ESR/,
	],
	[
		'oops',
		'abort',
		/(Synchronous (External Abort|parity)[^\n]{0,60}|Unhandled (prefetch abort|fault|debug exception)): [^\n]{0,80} ?\((0x)?[0-9a-f]{1,8}\) at /i,
	],
	['oops', 'kasan', /KASAN: [\w-]{1,60} in range \[/],
	[
		'oops',
		'protection-fault',
		/(?<!\w)general protection fault(?! ip:)\b|(?<!\w)(divide[ _]error|invalid opcode|double fault|stack segment|alignment check): /,
	],
	['oops', 'oops', /Internal error: |(?<!\w)Oops(: |\[#|( - [\w ]{1,30})?\s?\[#)|\[#[1-9]\d{0,3}\]($|[\s:])/],

	// mm/kasan, mm/kfence, mm/kmsan, kernel/kcsan
	['bug', 'kasan', /BUG: KASAN/],
	['bug', 'kfence', /BUG: KFENCE/],
	['bug', 'kcsan', /BUG: KCSAN/],
	['bug', 'kmsan', /BUG: KMSAN/],
	// mm/kmemleak.c; syzkaller's own heading
	[
		'memory-leak',
		'kmemleak',
		/BUG: memory leak|kmemleak: \d+ new suspected memory leaks|(?<!\w)unreferenced object 0x[0-9a-f]/,
	],
	// kernel/sched/core.c, lib/smp_processor_id.c
	[
		'bug',
		'atomic-sleep',
		/BUG: (sleeping function called from|assuming (atomic|non ?migratable) context|scheduling while atomic|scheduling in a non-blocking|using [^\n]{1,60} in preemptible)/,
	],
	// kernel/locking/lockdep.c; until 4.14 as "[ BUG: ... ]" and "[ INFO: ... ]"
	[
		'warning',
		'lockdep',
		/(WARNING|INFO|BUG): (possible (circular locking dependency|recursive locking|irq lock inversion dependency)|[\w-]{1,40} -> [\w-]{1,40} lock order|inconsistent lock state|suspicious RCU usage|bad (unlock balance|contention) detected|held lock freed|lock held when returning to user space|lock held at task exit|[^\n]{1,40}\/\d+ (still has|has) locks held|chain_key collision|Nested lock was not taken|Invalid wait context|trying to register non-static key|possible reason: unannotated)|INFO: trying to register non-static key|RCU used illegally from/,
	],
	[
		'bug',
		'lockdep',
		/BUG: (MAX_LOCK|MAX_STACK_TRACE_ENTRIES|key [0-9a-fx]{1,20} |looking up invalid subclass|spinlock|rwlock)/,
	],
	// lib/bug.c, mm/slub.c, lib/list_debug.c, mm/usercopy.c (until 4.15 "kernel memory"), kernel/softirq.c, kernel/irq/spurious.c
	['bug', 'bug', /(?<!\w)[kK]ernel BUG (at|in) |(?<!\w)BUG at [\w./-]{1,200}:\d/],
	[
		'bug',
		'slab',
		/(?<!\w)INFO: (Freed|Allocated) in |(?<!\w)INFO: (Slab|Object) 0x|(?<!\w)BUG [\w-]{1,60}(\([^\n)]{1,80}\))?( \([^\n)]{1,80}\))?: |Slab corruption|slab error in /,
	],
	['bug', 'list-corruption', /(?<!\w)(list_(add|del)|h?list_\w{1,30}) (double add|corruption)/],
	['bug', 'usercopy', /usercopy: [kK]ernel memory (exposure|overwrite) attempt|detected buffer overflow in /],
	['bug', 'irq', /(?<!\w)irq \d+: nobody cared|irq event \d+: bogus return value|huh, entered softirq/],
	['bug', 'file-count', /VFS: (Close: file count is (0|zero)|Busy inodes after unmount)/],
	['bug', 'swap', /swap_\w{1,20}: (Bad|Unused) swap/],

	// lib/ubsan.c
	['ubsan', 'ubsan', /(?<!\w)UBSAN: /],

	// kernel/panic.c: __warn, until 6.18 with CPU and PID first; lib/refcount.c, lib/debugobjects.c, mm/page_alloc.c, mm/slub.c
	['warning', 'refcount', /(?<!\w)refcount_t: /],
	['warning', 'debugobjects', /(?<!\w)ODEBUG: [\w ]{1,30} [\w ]{1,30}\(active state/],
	[
		'warning',
		'warning',
		/(?<!\w)WARNING: (CPU: \d|(\[[^\n]{1,200}\] )?(at )?[\w./+-]{1,200}:\d+ |at \S{1,200}, CPU#\d|kernel stack |stack recursion|can't (dereference|access)|unrecognized unwind|x1-x3 nonzero)/,
	],
	['warning', 'allocation', /: page allocation (failure|stalls)[:.]|SL[UA]B: Unable to allocate memory/],

	// arch/arm64/kernel/smp.c, psci.c, cpufeature.c, kernel/cpu.c, drivers/irqchip/irq-gic-v3.c, arch/x86/kernel/smpboot.c
	[
		'cpu-failed',
		'cpu-failed',
		/(?<!\w)CPU ?\d{1,5}: (failed (to (boot|come online|enable)|in unknown state)|died during early boot|may not have shut down|is stuck in kernel|does not support |cpu didn't die|will not boot|missing HWCAP|Detected conflict for capability|[\w :]{1,40} mismatch|mpidr [0-9a-f]{1,16} has no re-distributor|Unknown IPI message)/,
	],
	[
		'cpu-failed',
		'cpu-failed',
		/failed to boot CPU ?\d|not booting CPU ?\d|Error (bringing|taking) CPU ?\d{1,5} (up|down)|CPU ?\d{1,5} (failed to report (alive|dead)|may not have shut down)|do_boot_cpu failed|not enabling secondaries|Number of cores \(\d{1,5}\) exceeds configured maximum|CPUs started in inconsistent modes/,
	],

	// drivers/perf/arm_pmu*.c: all messages except that a PMU was found or that there is none; arch/arm64/kvm/pmu-emul.c
	[
		'pmu',
		'driver',
		/hw perfevents: (?!enabled with |no hardware support available)|CPU PMU: (probe failed|unable|cannot)/,
	],
	['pmu', 'driver', /(arm[-_]?v\d[-_]pmu|arm[-_]pmu|pmu)\S{0,30}: probe (with driver \S{1,40} |of \S{1,60} )?failed/],
	[
		'pmu',
		'driver',
		/ARM PMU could not be registered|(associate|allocate|initialise|register) (CPU ?\d{1,5} with a )?PMU( name)?( for CPU)?/,
	],
	['pmu', 'kvm', /kvm: pmu event creation failed/],
	// arch/arm64/kvm/handle_exit.c, mmu.c: KVM_RUN then fails
	['bug', 'kvm', /kvm( \[\d{1,9}\])?: (Unknown exception class|Unsupported FSC|Unsupported exception type): /],

	// drivers/firmware/efi/cper.c, mm/memory-failure.c, arch/x86/kernel/cpu/mce
	['hardware', 'hardware', /\[Hardware Error\]|Memory failure: 0x[0-9a-f]{1,16}: |(?<!\w)EDAC \w{1,20}: \d+ (CE|UE) /],

	// Any other line with such a heading.
	['bug', 'bug', /(?<!\w)BUG:(\s|$)/],
	// The message that should follow was lost, or printed elsewhere.
	[
		'warning',
		'warning',
		/(^|[>\]] {0,2})WARNING:\s{0,4}$|[>\]] {0,2}INFO:\s{0,4}$|(?<!\w)WARNING: [^\n]{1,200} at [\w./-]{1,200}:\d{1,6} \w/,
	],
];

/** A cheap pre-test for text of any number of lines: text that it does not match contains no report. */
const hints =
	/panic|PANIC|hyp BUG|stack space|stack overflow|lockup|LOCKUP|CSD lock|stall|starved|timer wakeup|INFO:|become free|for more than|ut of memory|oom-kill|deadlocked|Internal error|SError|Unable to |in EFI|Bad mode|Bad EL0|xception|ynchronous |Unhandled|Unsupported |KASAN|rotection fault|divide[ _]error|invalid opcode|double fault|stack segment|alignment check|Oops|\[#\d|BUG|UBSAN|leak|unreferenced|WARNING|illegally|orruption|slab error|double add|usercopy|buffer overflow|nobody cared|bogus return|huh, |VFS: |swap_|refcount_t|ODEBUG|allocation |allocate |CPU ?\d{1,5}: |CPU ?\d{1,5} |CPU\d|do_boot_cpu|secondaries|exceeds configured|inconsistent modes|perfevents|PMU|pmu|probe |Hardware Error|Memory failure|EDAC|cut here/;

/** printk's own lines have at most 1024 characters (PRINTKRB_RECORD_MAX); the rest of a longer line is ignored. */
const longestLine = 4096;

/** Whether text, of any number of lines, needs to be checked line by line. */
export function isSuspicious(text: string): boolean {
	return hints.test(text);
}

/**
 * Classifies one line of a kernel log, with or without its prefixes (level, time, CPU, thread) and any other text before it
 * on a console. Returns `undefined` for a line that reports no trouble.
 */
export function recognise(whole: string): Recognised | undefined {
	const line = whole.slice(0, longestLine);
	if (!hints.test(line)) return undefined;
	for (const [kind, what, pattern] of words) if (pattern.test(line)) return { kind, what };
	return undefined;
}
