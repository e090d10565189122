/**
 * Turns off parts of a distribution's kernel that a PMU test does not need and that take most of a guest's boot on an
 * emulated host (by initcall_debug, 8.8 s to init became 3.1 s): crypto self-tests, certificates, BTF, trace probes, a
 * power button, a host clock. A kernel ignores names that it does not have (Linux, init/main.c).
 */
const unneeded = [
	'jent_mod_init',
	'load_system_certificate_list',
	'crypto_algapi_init',
	'crypto_kdf108_init',
	'init_encrypted',
	'bpf_tcp_ca_kfunc_init',
	'bpf_dummy_struct_ops_init',
	'init_kprobe_trace',
	'slab_sysfs_init',
	'pl061_gpio_driver_init',
	'ptp_kvm_init',
];

/**
 * The longest times that the kernel allows (Documentation/admin-guide/kernel-parameters.txt): a soft lockup after 2 * 60 s, an RCU
 * stall after 300 s. The CPUs of an emulated host stand still whenever this machine is busy, which says nothing of the guest.
 */
const patience = ['watchdog_thresh=60', 'rcupdate.rcu_cpu_stall_timeout=300'];

/**
 * The guest's kernel command line. `quiet`, because each console character costs milliseconds in a guest on an emulated
 * host. The first process is or becomes the agent, which mounts what is needed.
 *
 * @param isEmulated whether the guest's CPUs, or those of its host, are emulated
 */
export function kernelArgumentsWith(init: string, isEmulated = false): string {
	return [
		'console=ttyAMA0',
		'quiet',
		`rdinit=${init}`,
		'panic=-1',
		'rodata=off',
		'audit=0',
		'ipv6.disable=1',
		'arm64.nopauth',
		// Allow SysRq over a break on the console, to get backtraces from a guest that hangs.
		'sysrq_always_enabled',
		...(isEmulated ? patience : []),
		`initcall_blacklist=${unneeded.join(',')}`,
	].join(' ');
}

/** The same, with the agent as the first process. */
export const kernelArguments = kernelArgumentsWith('/vpmu/agent');
