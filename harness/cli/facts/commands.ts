import { command } from '../command.ts';
import { inspectOptions, predictOptions, probeOptions, qmpOptions } from './options.ts';

export const probe = command({
	summary: 'host facts that decide the PMU backend',
	details:
		"Print the facts of a host that decide the PMU backend of its guests. With --conformance, check the host's KVM instead; exits with 1 if it deviates from the kernel's source, with 69 if it cannot be asked.",
	usage: '[--on HOST] [--tags | --conformance] [--json]',
	options: probeOptions,
	load: async () => (await import('./probe.ts')).probe,
});

export const predict = command({
	summary: 'predict which backend must be chosen, and why',
	details:
		'Predict which PMU backend a guest must get on a host with these facts, why, and on which host CPUs it counts.',
	usage: '--facts FILE|- --machine TYPE [--qemu-has-choice yes|no] [--pmu TYPE] ...',
	options: predictOptions,
	load: async () => (await import('./predict.ts')).predict,
});

export const qmp = command({
	summary: 'send a QMP command, or open a QMP shell',
	details:
		'Execute a QMP command and print what it returns as JSON; without a command, open a shell. Arguments are key=value, dotted.key=value, list.0=value, or a JSON object. Exits with 1 if QEMU refuses the command.',
	usage: '--qemu QEMU | --socket PATH  [COMMAND [key=value | JSON]…]',
	options: qmpOptions,
	positionals: { maximum: Number.POSITIVE_INFINITY },
	load: async () => (await import('./qmp.ts')).qmp,
});

export const inspect = command({
	summary: 'what a QEMU supports, without booting a guest; compares two',
	details: 'Inspect a QEMU without a guest: machine types, accelerators, whether it has the PMU choice.',
	usage: '--qemu QEMU [--diff OTHER] [--on WHERE] [--json]',
	options: inspectOptions,
	load: async () => (await import('./inspect.ts')).inspect,
});
