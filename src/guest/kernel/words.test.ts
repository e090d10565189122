import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { isSuspicious, recognise } from './words.ts';

/** Lines made from the kernel's format strings (4.x to 7.x), grouped by their expected classification. */
const lines: Readonly<Record<string, readonly string[]>> = {
	'panic panic': [
		'Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b',
		'Kernel panic - not syncing: Oops - BUG: Fatal exception in interrupt',
		'---[ end Kernel panic - not syncing: panic_on_warn set ... ]---',
		'Kernel panic - not syncing: HYP panic:',
		'PANIC: double fault, error_code: 0x0',
		'rust_kernel: panicked at kernel/foo.rs:10:5:',
	],
	'panic hypervisor': [
		'kvm [1]: nVHE hyp BUG at: arch/arm64/kvm/hyp/nvhe/mem_protect.c:300!',
		'kvm [71]: nVHE hyp panic at: [<ffff800080abcdef>] __kvm_nvhe_handle_trap+0x10/0x20!',
	],
	'panic stack-overflow': ['Insufficient stack space to handle exception!'],
	'soft-lockup soft-lockup': [
		'watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [kworker/1:2:88]',
		'NMI watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [perf:412]',
		'BUG: soft lockup - CPU#0 stuck for 23s! [swapper/0:1]',
		'sched_ext: Soft lockup - CPU 2 stuck for 23s, disabling BPF scheduler',
	],
	'soft-lockup csd-lock': [
		'smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000064 ns for CPU#01 do_nothing+0x0/0x8(0x0).',
	],
	'hard-lockup hard-lockup': [
		'watchdog: Watchdog detected hard LOCKUP on cpu 1',
		'NMI watchdog: Watchdog detected hard LOCKUP on cpu 0dModules linked in:',
		'watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 1',
		'watchdog: CPU 3 detected hard LOCKUP on other CPUs 1',
	],
	'workqueue-lockup workqueue-lockup': [
		'BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 33s!',
		'BUG: workqueue lockup - pool',
		'workqueue: stall lasted 40s, exceeding threshold 30s',
	],
	'rcu-stall rcu-stall': [
		'rcu: INFO: rcu_preempt self-detected stall on CPU',
		'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
		'rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... } 21 jiffies s: 33 root: 0x2/.',
		'rcu: INFO: rcu_preempt detected stall, but suppressed full report due to a stuck CSD-lock.',
		'INFO: rcu_tasks detected stalls on tasks:',
		'INFO: rcu_tasks_trace detected stalls? (Late IPI?)',
		'INFO: rcu_bh detected stalls on CPUs/tasks: { 2} (detected by 0, t=21002 jiffies, g=9, c=8, q=3)',
		'INFO: rcu_sched self-detected stall on CPU { 0}  (t=6000 jiffies g=1 c=0 q=5)',
		'rcu: rcu_preempt kthread starved for 5250 jiffies! g9 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1',
		"rcu: rcu_sched kthread timer wakeup didn't happen for 5249 jiffies! g1 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x402",
	],
	'hung-task hung-task': [
		'INFO: task kworker/u8:2:44 blocked for more than 120 seconds.',
		'INFO: task jbd2/vda1-8:210 blocked in I/O wait for more than 241 seconds.',
		"INFO: task a name with spaces:77 can't die for more than 143 seconds.",
	],
	'hung-task netdevice': ['unregister_netdevice: waiting for veth0 to become free. Usage count = 2'],
	'oom-kill oom-kill': [
		'Out of memory: Killed process 99 (perf) total-vm:8196kB, anon-rss:4096kB, file-rss:0kB, shmem-rss:0kB',
		'Out of memory: Kill process 99 (perf) score 12 or sacrifice child',
		'Memory cgroup out of memory: Killed process 1 (init) total-vm:4kB',
		'Out of memory and no killable processes...',
		'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=perf,pid=99,uid=0',
		'perf invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0',
	],
	'oops null-dereference': [
		'Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010',
		'BUG: kernel NULL pointer dereference, address: 0000000000000008',
		'CPU 0 Unable to handle kernel NULL pointer dereference at virtual address 00000000',
	],
	'oops page-fault': [
		'Unable to handle kernel paging request at virtual address dfff800000000001',
		'Unable to handle kernel read from unreadable memory at virtual address 0000000000000010',
		'Unable to handle kernel execute from non-executable memory at virtual address ffff000000c00000',
		'Unable to handle kernel access to user memory outside uaccess routines at virtual address 0000ffffb0000000',
		'BUG: unable to handle page fault for address: ffffc90000000000',
		'BUG: unable to handle kernel paging request at ffff8800aaaa0000',
	],
	'oops oops': [
		'Internal error: Oops: 0000000096000004 [#1] SMP',
		'Internal error: Oops: 96000005 [#1] PREEMPT SMP',
		'Internal error: Oops - BUG: 00000000f2000800 [#1]  SMP',
		'Internal error: Oops - BTI: 0000000036000002 [#2] PREEMPT SMP',
		'Internal error: synchronous external abort: 0000000096000210 [#1] SMP',
		'Internal error: SP/PC alignment exception: 000000008a000000 [#1] SMP',
		'Internal error: Attempting to execute userspace memory: 8600000f [#1] SMP',
		'Internal error: aarch64 BRK: 00000000f2000003 [#1] SMP',
		'Internal error: Accessing user space memory with fs=KERNEL_DS: 9600000f [#1] PREEMPT SMP',
		'Internal error: : 96000210 [#1] SMP',
		'Oops: 0002 [#1] PREEMPT SMP NOPTI',
		'Oops [#1]',
		'Kernel BUG [#1]',
	],
	'oops undefined-instruction': [
		'Internal error: Oops - Undefined instruction: 0000000002000000 [#1] SMP',
		'Internal error: undefined instruction: 0 [#1] PREEMPT SMP',
	],
	'oops serror': [
		'SError Interrupt on CPU1, code 0x00000000bf000002 -- SError',
		'SError Interrupt on CPU0, code 0xbf000000 -- SError',
	],
	'oops ubsan': ['Internal error: UBSAN: array index out of bounds: 00000000f2005512 [#1] SMP'],
	'oops efi': ['[Firmware Bug]: Unable to handle paging request in EFI runtime service'],
	'oops bad-mode': [
		'Bad mode in Synchronous Abort handler detected on CPU0, code 0x86000005 -- IABT (current EL)',
		'Bad EL0 synchronous exception detected on CPU1, code 0x56000000 -- SVC (AArch64)',
		'Unhandled 64-bit el1h sync exception on CPU0, ESR 0x0000000002000000 -- Unknown/Uncategorized',
	],
	'oops abort': [
		'Synchronous External Abort: synchronous external abort (0x96000210) at 0xffff000008b00000',
		'Unhandled fault: synchronous external abort (0x96000010) at 0xffff00000a0b0000',
		'Unhandled prefetch abort: unknown 17 (0x86000011) at 0x0000000000000000',
	],
	'oops kasan': ['KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]'],
	'oops protection-fault': [
		'general protection fault, probably for non-canonical address 0xdffffc0000000000: 0000 [#1] SMP KASAN',
		'divide error: 0000 [#1] SMP',
		'divide_error: 0000 [#1] SMP',
		'invalid opcode: 0000 [#1] PREEMPT SMP',
	],
	'bug kasan': [
		'BUG: KASAN: slab-use-after-free in kvm_pmu_release_perf_event+0x20/0x80',
		'BUG: KASAN: invalid-access in foo+0x4/0x10',
		'BUG: KASAN: slab-out-of-bounds on address ffff8000deadbeef',
	],
	'bug kfence': [
		'BUG: KFENCE: use-after-free read in test_use+0x10/0x20',
		'BUG: KFENCE: invalid free in kfree+0x8/0x90',
	],
	'bug kcsan': [
		'BUG: KCSAN: data-race in armpmu_read / armv8pmu_handle_irq',
		'BUG: KCSAN: assert: race in foo+0x1/0x2',
	],
	'bug kmsan': ['BUG: KMSAN: uninit-value in copy_page_to_iter+0x10/0x20'],
	'memory-leak kmemleak': [
		'BUG: memory leak',
		'kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)',
		'unreferenced object 0xffff0000c0a1b2c0 (size 64):',
	],
	'bug atomic-sleep': [
		'BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585',
		'BUG: scheduling while atomic: perf/77/0x00000002',
		'BUG: using smp_processor_id() in preemptible [00000000] code: qemu-system-aar/4711',
		'BUG: using __this_cpu_read() in preemptible [00000000] code: kworker/0:1/12',
		'BUG: assuming atomic context at kernel/events/core.c:10',
	],
	'warning lockdep': [
		'WARNING: possible circular locking dependency detected',
		'WARNING: possible recursive locking detected',
		'WARNING: possible irq lock inversion dependency detected',
		'WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected',
		'WARNING: inconsistent lock state',
		'WARNING: suspicious RCU usage',
		'WARNING: bad unlock balance detected!',
		'WARNING: bad contention detected!',
		'WARNING: held lock freed!',
		'WARNING: lock held when returning to user space!',
		'WARNING: perf/88 still has locks held!',
		'WARNING: Nested lock was not taken',
		'[ BUG: Invalid wait context ]',
		'[ INFO: possible circular locking dependency detected ]',
		'[ INFO: suspicious RCU usage. ]',
		'[ INFO: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected ]',
		'[ BUG: bad unlock balance detected! ]',
		'INFO: trying to register non-static key.',
	],
	'bug lockdep': [
		'BUG: MAX_LOCKDEP_ENTRIES too low!',
		'BUG: spinlock bad magic on CPU#0, swapper/0/1',
		'BUG: key ffff0000c0000000 has not been registered!',
	],
	'bug bug': [
		'kernel BUG at arch/arm64/kvm/pmu-emul.c:300!',
		'Kernel BUG at kvm_pmu_init+0x10/0x20 [verbose debug info unavailable]',
		'BUG: Bad rss-counter state mm:00000000aaaa type:MM_ANONPAGES val:3',
		'BUG: Bad page state in process perf  pfn:12345',
		'BUG: arch topology borken',
		'BUG: a word that no version has yet',
	],
	'bug slab': [
		'BUG kmalloc-64 (Not tainted): Poison overwritten',
		'INFO: Object 0x00000000c0ffee00 @offset=128 fp=0x0000000000000000',
		'BUG task_struct(5:init) (Tainted: G    B): Redzone overwritten',
	],
	'bug list-corruption': [
		'list_add corruption. next->prev should be prev (ffff), but was 0. (next=1).',
		'list_del corruption, ffff->next is NULL',
	],
	'bug usercopy': [
		'usercopy: kernel memory overwrite attempt detected to 00000000deadbeef (kmalloc-64) (65 bytes)',
		"usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-8' (offset 0, size 16)!",
		'detected buffer overflow in strcpy',
	],
	'bug irq': [
		'irq 24: nobody cared (try booting with the "irqpoll" option)',
		'huh, entered softirq 1 TIMER 0x1 preempt_count 100, exited with 101?',
	],
	'bug file-count': [
		'VFS: Close: file count is 0',
		'VFS: Busy inodes after unmount of tmpfs. Self-destruct in 5 seconds.',
	],
	'bug swap': ['swap_info_get: Bad swap file entry 3fffffffffffff'],
	'ubsan ubsan': [
		'UBSAN: array-index-out-of-bounds in drivers/perf/arm_pmu.c:100:12',
		'UBSAN: Undefined behaviour in kernel/time/clock.c:10:2',
	],
	'warning refcount': ['refcount_t: underflow; use-after-free.'],
	'warning debugobjects': ['ODEBUG: free active (active state 0) object: ffff type: timer_list hint: foo+0x0/0x10'],
	'warning warning': [
		'WARNING: CPU: 0 PID: 77 at arch/arm64/kvm/pmu-emul.c:700 kvm_pmu_create_perf_event+0x100/0x200',
		'WARNING: CPU: 1 PID: 1 at foo+0x10/0x20 [bar]',
		'WARNING: kernel/events/core.c:2900 at perf_event_read+0x10/0x90, CPU#1: perf/88',
		'WARNING: at perf_event_read+0x10/0x90, CPU#1: perf/88',
		'WARNING: [pmu == NULL] kernel/events/core.c:2900 at perf_event_read+0x10/0x90, CPU#1: perf/88',
		'WARNING: at kernel/sched/core.c:10 foo+0x1/0x2()',
		'WARNING: x1-x3 nonzero in violation of boot protocol:',
	],
	'warning allocation': [
		'perf: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), nodemask=(null)',
	],
	'cpu-failed cpu-failed': [
		'CPU1: failed to boot: -22',
		'psci: failed to boot CPU1 (-1)',
		'CPU1: failed to come online',
		'CPU1: failed in unknown state : 0x0',
		'CPU2: died during early boot',
		'CPU3: is stuck in kernel',
		'CPU1: does not support 64K granule ',
		"CPU1: cpu didn't die",
		'CPU1: will not boot',
		'CPU features: CPU1: missing HWCAP: sve',
		'CPU features: CPU1: Detected conflict for capability 5 (x), System: 1, CPU: 0',
		'CPU1: SVE: vector length support mismatch',
		'GICv3: CPU1: mpidr 1 has no re-distributor!',
		'Error taking CPU1 up: -5',
		'Number of cores (4) exceeds configured maximum of 2 - clipping',
		'missing boot CPU MPIDR, not enabling secondaries',
		'CPU1 failed to report alive state',
	],
	'pmu driver': [
		'armv8-pmu pmu: hw perfevents: no irqs for PMU, sampling events not supported',
		'armv8-pmu pmu: hw perfevents: failed to register PMU devices!',
		'hw perfevents: unable to request IRQ23 for ARM PMU counters',
		'armv8-pmu: probe of pmu failed with error -6',
		'armv8-pmu pmu: probe with driver armv8-pmu failed with error -22',
		'Unable to associate CPU1 with a PMU',
		'Failed to register PMU for CPU0',
		'CPU hotplug notifier for ARM PMU could not be registered: -12',
	],
	'bug kvm': [
		'kvm [812]: Unknown exception class: esr: 0x0000000066000000 -- SVE',
		'kvm [812]: Unsupported FSC: EC=0x24 xFSC=0x21 ESR_EL2=0x92000061',
		'kvm [812]: Unsupported exception type: 7',
	],
	'pmu kvm': ['kvm: pmu event creation failed -2'],
	'hardware hardware': [
		'{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 1',
		'Memory failure: 0x12345: recovery action for dirty LRU page: Recovered',
	],
};

/** Prefixes that a console or a log may put before a kernel message. */
const before = [
	'',
	'[   12.345678] ',
	'[   12.345678][  T123] ',
	'[   12.345678][    C1] ',
	'<4>[   12.345678] ',
	'<1>',
	'[Tue Nov 24 10:00:00 2026] ',
	'Nov 24 10:00:00 guest kernel: [   12.345678] ',
	'/ # [   12.345678] ',
	'3.2% done[   12.345678] ',
	'\u0000\ufffd[   12.345678] ',
];

for (const [name, said] of Object.entries(lines)) {
	test(`a kernel's ${name} is called so, whatever stands before it`, t => {
		for (const line of said) {
			for (const prefix of before) {
				const whole = `${prefix}${line}`;
				const found = recognise(whole);
				t.is(`${found?.kind} ${found?.what}`, name, whole);
				t.true(isSuspicious(`something\n${whole}\nelse`), whole);
			}
		}
	});
}

/** Lines that kernels and programs print when all is well. */
const harmless = [
	'rcu: \tRCU event tracing is enabled.',
	'rcu: \tRCU CPU stall warnings timeout set to 60 (rcu_cpu_stall_timeout).',
	'rcu: INFO: Stall ended before state dump start',
	'INFO: lockdep is turned off.',
	'hw perfevents: enabled with armv8_pmuv3 PMU driver, 7 counters available',
	'hw perfevents: enabled with armv8_cortex_a72 PMU driver, 7 (0,8000003f) counters available, using NMIs',
	'hw perfevents: no hardware support available',
	'Memory: 200000K/262144K available (12345K kernel code)',
	'CPU1: Booted secondary processor 0x0000000001 [0x410fd083]',
	'CPU: All CPU(s) started at EL1',
	'CPU features: detected: 32-bit EL0 Support',
	'smp: Brought up 1 node, 2 CPUs',
	'Kernel command line: console=ttyAMA0 quiet panic=-1 oops=panic nosoftlockup rcupdate.rcu_cpu_stall_timeout=60',
	'kasan: KernelAddressSanitizer initialized (generic)',
	'kfence: initialized - using 2097152 bytes for 255 objects at 0x0000-0x0000',
	'kcsan: enabled early',
	'kmemleak: Kernel memory leak detector initialized (mem pool available: 15738)',
	'DEBUG: nothing to see',
	'NOTICE: DEBUG_PAGEALLOC enabled',
	'ssh-keygen: WARNING: no moduli found',
	'perf: interrupt took too long (2506 > 2500), lowering kernel.perf_event_max_sample_rate to 79750',
	'watchdog: Delayed init of the lockup detector failed: -19',
	'NMI watchdog: Perf NMI watchdog permanently disabled',
	'Internal errors are counted here',
	'traps: perf[77] general protection fault ip:4010 sp:7ffc error:0 in perf[400000+1000]',
	'VFS: Disk quotas dquot_6.6.0',
	'WARNING: workqueue cpumask: online intersect > possible intersect',
	'WARNING: The mand mount option has been deprecated and',
	'audit: initializing netlink subsys (disabled)',
	'armv8-pmu pmu: hw perfevents: enabled with armv8_pmuv3_0 PMU driver, 7 counters available',
	'EDAC MC: Ver: 3.0.0',
	'kvm [1]: VHE mode initialized successfully',
	'kvm [1]: IPA Size Limit: 44 bits',
	'lkdtm: Performing direct entry WARNING',
	'systemd[1]: Starting BUG reporter',
	'pci 0000:00:01.0: BAR 0 [mem 0x10000000-0x10000fff]: assigned',
	'workqueue: round-robin CPU selection forced, expect performance impact',
	'XFS (vda2): WARNING: Reset corrupted AGFL on AG 3. 4 blocks leaked. Please unmount and run xfs_repair.',
	"WARNING: fbcon: Driver 'virtiodrm' missed to adjust virtual screen size (0x0 vs. 80x25)",
	'Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible via Spectre v2 BHB attacks!',
	'Speculative Return Stack Overflow: WARNING: kernel not compiled with MITIGATION_SRSO.',
	'ALSA: seq fatal error: cannot create timer (-19)',
	'usb 1-1: WARNING: support of this chip is incomplete, it may not work',
	'usbhid: probe of 1-1:1.0 failed with error -71',
	'INFO: NMI handler (nmi_cpu_backtrace_handler) took too long to run: 1.372 msecs',
	"warning: `a.out' uses wireless extensions which will stop working for Wi-Fi 7 hardware; use nl80211",
	'softdog: initialized. soft_noboot=1 soft_margin=30 sec soft_panic=1 (nowayout=0)',
	'VFS: Mounted root (squashfs filesystem) readonly on device 254:0.',
	'EXT4-fs (vda): INFO: recovery required on readonly filesystem',
];

test('a message that says that all is well is not trouble', t => {
	for (const line of harmless) {
		for (const prefix of before) t.is(recognise(`${prefix}${line}`), undefined, `${prefix}${line}`);
	}
});

test('a heading of the kernel without its message is trouble, and a word of a program is not', t => {
	for (const heading of ['[   12.345678][  T123] INFO: ', '<4>[   12.345678] WARNING: ', '<6>INFO:']) {
		t.is(recognise(heading)?.kind, 'warning', heading);
		t.true(isSuspicious(heading), heading);
	}
	t.is(recognise('INFO:'), undefined);
	t.is(recognise('rmt_storage INFO:'), undefined);
});

test('a hung task is seen although its name holds a line break', t => {
	// PR_SET_NAME takes any bytes, so "INFO: task %s:%d blocked" can be printed as two lines, each with the log's prefix.
	for (const prefix of before.filter(has => /[\]>] ?$/.test(has))) {
		for (const line of [
			'b:77 blocked for more than 120 seconds.',
			':4194303 blocked in I/O wait for more than 241 seconds.',
			'\ufffd\u0001 \ufffd:9 blocked for more than 143 seconds.',
		]) {
			const whole = `${prefix}${line}`;
			t.is(recognise(`${prefix}INFO: task a`), undefined);
			t.is(recognise(whole)?.kind, 'hung-task', whole);
			t.true(isSuspicious(`something\n${whole}\nelse`), whole);
		}
	}
	t.is(recognise('server: 192.0.2.1:80 blocked for more than 5 seconds.'), undefined);
	t.is(recognise('[   12.345678] server[77]: 192.0.2.1, port:80 blocked for more than 5 seconds.'), undefined);
});

test('text without any sign of a report is not checked line by line', t => {
	t.false(isSuspicious('random: crng init done\nRun /init as init process\n'));
});

test('a line costs time in proportion to its length', async t => {
	const pieces = [
		'INFO: task ',
		'BUG ',
		'Unhandled ',
		'WARNING: [',
		'Watchdog',
		'CPU 1: ',
		'] a:1 blocked ',
		'rcu',
		'ODEBUG: a ',
		'[#',
		'Oops - ',
		'pmu: probe ',
	];
	t.timeout(120_000);
	for (const piece of pieces) {
		// With quadratic time this would take hours.
		recognise(piece.repeat(Math.ceil(4_000_000 / piece.length)));
		await delay(0);
	}
	t.pass();
});
