/** The symbols of a kernel configuration, without `CONFIG_`, and their values as written: `y`, `m`, `n`, numbers and quoted texts. */
export type KernelConfig = ReadonlyMap<string, string>;

/** Reads a `.config`, or a part of one. Lines of other forms are skipped, as Kconfig does (scripts/kconfig/confdata.c). */
export function parseKernelConfig(text: string): KernelConfig {
	const symbols = new Map<string, string>();
	for (const line of text.split('\n')) {
		const set = /^CONFIG_(\w+)=(.*)$/.exec(line.trimEnd());
		if (set !== null) symbols.set(set[1]!, set[2]!);
		const unset = /^# CONFIG_(\w+) is not set$/.exec(line.trimEnd());
		if (unset !== null) symbols.set(unset[1]!, 'n');
	}
	return symbols;
}

/** A symbol whose value is not the requested one. */
export interface MissedSymbol {
	readonly symbol: string;
	readonly requested: string;
	/** `undefined` if the kernel lacks the symbol, or something that it depends on. */
	readonly found: string | undefined;
}

/** Compares the requested symbols with what Kconfig made of them. An unset symbol counts as `n`. */
export function missedSymbols(requested: KernelConfig, result: KernelConfig): MissedSymbol[] {
	return [...requested].flatMap(([symbol, value]) => {
		const found = result.get(symbol);
		return (found ?? 'n') === value ? [] : [{ symbol, requested: value, found }];
	});
}

/** `CONFIG_A (not there), CONFIG_B (m, not y)`. */
export function describeMissed(missed: readonly MissedSymbol[]): string {
	return missed
		.map(
			({ symbol, requested, found }) =>
				`CONFIG_${symbol} (${found === undefined ? 'not there' : `${found}, not ${requested}`})`,
		)
		.join(', ');
}

/** The use of a kernel. */
export type KernelUse = 'guest' | 'board';

interface Need {
	readonly symbol: string;
	/** What does not work without it. */
	readonly what: string;
	/** Whether the option may be a module that vpmu puts into the image. */
	readonly asModule: boolean;
}

/** Both boot from an initramfs on `-M virt`, use the PL011 as console, and have a PMU. */
const shared: readonly Need[] = [
	{ symbol: 'BLK_DEV_INITRD', what: 'an initramfs', asModule: false },
	{ symbol: 'BINFMT_ELF', what: 'programs', asModule: false },
	{ symbol: 'SERIAL_AMBA_PL011_CONSOLE', what: 'the console', asModule: false },
	{ symbol: 'PCI_HOST_GENERIC', what: 'the PCI bus of -M virt', asModule: false },
	{ symbol: 'PROC_FS', what: '/proc', asModule: false },
	{ symbol: 'SYSFS', what: '/sys', asModule: false },
	{ symbol: 'DEVTMPFS', what: '/dev', asModule: false },
	{ symbol: 'HW_PERF_EVENTS', what: 'hardware events of perf', asModule: false },
	{ symbol: 'VIRTIO_PCI', what: 'virtio devices', asModule: true },
];

const needs: Readonly<Record<KernelUse, readonly Need[]>> = {
	guest: [...shared, { symbol: 'VIRTIO_CONSOLE', what: "the port of the guest's agent", asModule: true }],
	board: [
		...shared,
		{ symbol: 'KVM', what: 'KVM', asModule: false },
		{ symbol: 'INET', what: 'TCP/IP', asModule: false },
		{ symbol: 'VIRTIO_NET', what: 'the network card', asModule: true },
	],
};

/** A kernel cannot be used because its configuration lacks something. */
export interface LackingSymbol {
	readonly symbol: string;
	readonly what: string;
	/** Whether it is available as a module, which must be found. */
	readonly isModule: boolean;
}

/** Returns what a kernel's configuration lacks for a use. @param withModules whether its modules are available */
export function lackingSymbols(config: KernelConfig, use: KernelUse, withModules: boolean): LackingSymbol[] {
	return needs[use].flatMap(({ symbol, what, asModule }) => {
		const value = config.get(symbol) ?? 'n';
		if (value === 'y' || (value === 'm' && asModule && withModules)) return [];
		return [{ symbol, what, isModule: value === 'm' }];
	});
}
