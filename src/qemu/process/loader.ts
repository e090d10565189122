/**
 * Messages of a dynamic loader, or of QEMU about its modules, when a program cannot be loaded. Taken from glibc 2.31 to 2.41
 * (elf/dl-catch.c, dl-version.c, dl-hwcap-check.h), musl 1.1 to 1.2 (ldso/dynlink.c), uClibc-ng, bionic's linker, and QEMU
 * 4.2 to 11 (util/module.c, qom/object.c).
 */
const complaints: readonly RegExp[] = [
	/: error while loading shared libraries: /,
	/: (symbol|version) lookup error: /,
	/: relocation error: /,
	/: (weak )?version `[^']+' not found/,
	/: unsupported version \S+ of Ver(def|need) record/,
	/: CPU ISA level is lower than required/,
	/: failed to turn on BTI protection/,
	/^Inconsistency detected by ld\.so: /,
	/^FATAL: (kernel too old|cannot determine kernel version)/,
	// Only these: "Fatal glibc error: malloc.c:…" means that the program has corrupted its heap.
	/^Fatal glibc error: (CPU |This version of |Cannot allocate TLS|executable stack|Too many audit|cannot allocate memory for find-object)/,
	/^Error (loading shared library|loading dependencies for|relocating|allocating function descriptors for|recording dependencies for) /,
	/^Error (preparing lazy relocation for|allocating constructor queue)/,
	/: Error getting \d+ bytes thread-local storage: /,
	/: cannot load \S+: /,
	/: Not a valid dynamic program$/,
	/: can't (load library|resolve symbol) '/,
	/CANNOT LINK EXECUTABLE /,
	/(^|: )failed to (open|initialize|load) module:? /i,
	/: module arch does not match: /,
	/: error trying to access \S+\.so: /,
	/^(qemu\S*: )?missing object type '/,
	// Messages of shells, env and binfmt_misc about a program for another machine, or one whose loader is missing.
	/: exec format error$/i,
	/: cannot execute( binary file| \S+)?(: |$)/,
	/: bad interpreter: /,
	/^qemu-\S+: Could not open '\S*\/ld[-.]\S*': /,
];

/** Lines that follow such a message and only report its consequence. */
const consequences: readonly RegExp[] = [
	/^(Note: )?only modules from the same build can be loaded\.$/i,
	/invalid accelerator|is not a valid device model name|unknown type '|[Dd]isplay '?\S+'? is not available|not supported by this|[Nn]o available/,
	/Unknown (driver|protocol|block driver)|is not a valid (char|net|object) (backend|driver|type)/,
	/helper failed$|^(Aborted|Segmentation fault)/,
];

/** Warnings after which the loader continues. */
const harmless = /: no version information available \(required by |: ignored\.$/;

/**
 * Returns the loader's message from the last lines of stderr. `undefined` if there is none, or if other output follows it,
 * because the program then continued.
 *
 * @param isOver whether the exit status alone (126 or 127) shows that nothing ran
 */
export function loaderComplaint(stderr: readonly string[], isOver: boolean): string | undefined {
	const is = (line: string, patterns: readonly RegExp[]) =>
		!harmless.test(line) && patterns.some(pattern => pattern.test(line));
	const last = stderr.findLastIndex(line => is(line, complaints));
	if (last === -1) return undefined;
	const after = stderr.slice(last + 1).filter(line => !harmless.test(line));
	if (!isOver && !after.every(line => is(line, consequences))) return undefined;
	// The first of several adjacent messages is the cause.
	let first = last;
	while (first > 0 && is(stderr[first - 1]!, complaints)) first -= 1;
	return stderr[first];
}
