/** A versioned machine type of QEMU, parsed from its name. */
export interface MachineVersion {
	/** The name that all versions share, such as `virt`, including a distribution's mark if any, such as `virt-rhel`. */
	readonly family: string;
	/** The version part, such as `9.6.0`; empty for a code name. */
	readonly version: string;
	/** QEMU's own version, `[10, 1]` for `virt-10.1`; undefined if the name has a distribution's version or a code name. */
	readonly upstream: readonly [major: number, minor: number] | undefined;
}

/** Longest valid name of a machine type. Longer names are not parsed. */
const longestName = 100;

/** Machine types that QEMU versions: the text after the name and a dash is a version or a code name. */
const versionedFamily = /^(virt|pc-i440fx|pc-q35|pseries|s390-ccw-virtio)-(.+)$/;

/**
 * Parses the name of a versioned machine type: QEMU's own (`virt-9.2`, `pc-q35-4.0.1`, `pseries-2.12-sxxm`) or a
 * distribution's (`virt-rhel9.6.0`, `virt-10.1-ubuntu`, `virt-noble`). Undefined for a name without a version.
 */
export function machineVersion(name: string): MachineVersion | undefined {
	if (name.length > longestName) return undefined;
	const [, base, mark = '', version, rest = ''] = /^(.+?)-([a-z]*)(\d+(?:\.\d+)+)([-+~_a-z].*)?$/i.exec(name) ?? [];
	if (base === undefined) {
		const [, family, code] = versionedFamily.exec(name) ?? [];
		return family === undefined ? undefined : { family: `${family}-${code}`, version: '', upstream: undefined };
	}
	const [major, minor] = version!.split('.').map(Number) as [number, number];
	return {
		family: `${base}${mark === '' ? '' : `-${mark}`}${rest}`,
		version: version!,
		upstream: mark === '' ? [major, minor] : undefined,
	};
}
