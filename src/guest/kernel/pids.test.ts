import test from 'ava';
import { processesNamed } from './pids.ts';

const lines: readonly (readonly [string, readonly number[]])[] = [
	['WARNING: CPU: 0 PID: 4711 at arch/arm64/kvm/pmu-emul.c:700 foo+0x1/0x2', [4711]],
	['WARNING: kernel/events/core.c:29 at foo+0x1/0x2, CPU#1: CPU 0/KVM/4711', [4711]],
	['CPU: 1 UID: 0 PID: 88 Comm: qemu-system-aar Not tainted 6.12.0', [88]],
	['BUG: using smp_processor_id() in preemptible [00000000] code: qemu-system-aar/4711', [4711]],
	['watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [CPU 0/KVM:4711]', [4711]],
	['kvm [4711]: Unsupported guest sys_reg access at: ffff', [4711]],
	['INFO: task vhost-4711:4720 blocked for more than 120 seconds.', [4720, 4711]],
	['Out of memory: Killed process 4711 (qemu-system-aar) total-vm:1kB', [4711]],
	['Write of size 8 at addr ffff by task qemu-system-aar/4711', [4711]],
	['qemu-system-aar/4711 is trying to acquire lock:', [4711]],
	['[   12.0][ T4711] Call trace:', [4711]],
	['kernel BUG at mm/slub.c:300!', []],
	['pc : kvm_pmu_create_perf_event+0x100/0x200', []],
	['CPU: 0 PID: 0 Comm: swapper/0', []],
	['Modules linked in: nf_tables(E) [last unloaded: foo]', []],
];

test('processes named in a report are found in every form', t => {
	for (const [line, pids] of lines) {
		t.deepEqual(new Set(processesNamed([line])), new Set(pids), line);
	}
});
