/**
 * Parts of a distribution's kernel that a PMU test does not need and that cost most of the boot of an emulated host's
 * guest (measured with initcall_debug there: 8.8 s to init became 3.1 s): self-tests of cryptography, certificates, BPF's type
 * information, probes of tracing, a power button, a clock of the host's. A kernel that lacks one of these names passes over
 * it (Linux, init/main.c).
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
 * The guest's kernel command line. `quiet`, because each character on the console of a guest on an emulated host costs
 * milliseconds; the first process is, or becomes, the agent, which mounts what is needed.
 */
export function kernelArgumentsWith(init: string): string {
	return [
		'console=ttyAMA0',
		'quiet',
		`rdinit=${init}`,
		'panic=-1',
		'rodata=off',
		'audit=0',
		'ipv6.disable=1',
		'arm64.nopauth',
		// A guest that hangs is asked for backtraces over a break on its console.
		'sysrq_always_enabled',
		`initcall_blacklist=${unneeded.join(',')}`,
	].join(' ');
}

/** The same, with the agent as the first process. */
export const kernelArguments = kernelArgumentsWith('/vpmu/agent');
