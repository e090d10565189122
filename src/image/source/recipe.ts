import { createHash } from 'node:crypto';
import { UsageError } from '../../lib/errors.ts';
import { quoteCommand } from '../../lib/text/quote.ts';
import type { Cache } from '../cache/cache.ts';
import { hostArchitecture } from '../program.ts';
import { precompiledFlags, precompileScript } from './precompile.ts';
import { type BuildRoot, buildRoot } from './root.ts';

/** Sanitizers of GCC that a QEMU can be built with. */
export const sanitizers = ['address', 'undefined'] as const;
export type Sanitizer = (typeof sanitizers)[number];

/** Build options in addition to those of every build. */
export interface BuildRecipe {
	/** Arguments for QEMU's configure, after vpmu's own, so that they override them. */
	readonly configure: readonly string[];
	readonly sanitizers: readonly Sanitizer[];
}

/** A build without additional arguments. */
export const plainRecipe: BuildRecipe = { configure: [], sanitizers: [] };

/** Reads a list of sanitizers, such as `address,undefined`. @throws UsageError that names what is allowed */
export function parseSanitizers(list: string | undefined): Sanitizer[] {
	if (list === undefined) return [];
	const names = list.split(',').map(name => name.trim());
	for (const name of names) {
		if ((sanitizers as readonly string[]).includes(name)) continue;
		throw new UsageError(`'${name}' of '--sanitize ${list}' is not a sanitizer; allowed: ${sanitizers.join(', ')}`);
	}
	return sanitizers.filter(name => names.includes(name));
}

/** The build tools, of Debian trixie for this machine, and the libraries for arm64. */
export async function openBuildRoot(cache: Cache): Promise<BuildRoot> {
	const suite = 'trixie';
	return await buildRoot(cache, 'qemu-build', [
		{ suite, architecture: 'arm64', packages: ['libc6-dev', 'libglib2.0-dev', 'zlib1g-dev', 'libfdt-dev'] },
		{
			suite,
			architecture: hostArchitecture(),
			packages: [
				...['gcc-aarch64-linux-gnu', 'gcc', 'libc6-dev', 'make', 'ninja-build', 'meson', 'pkgconf', 'flex', 'bison'],
				...['python3-venv', 'python3-pycotap', 'libglib2.0-dev-bin', 'perl-base', 'git', 'bzip2', 'xz-utils', 'tar'],
				...['bash', 'dash', 'coreutils', 'sed', 'grep', 'gawk', 'findutils', 'diffutils', 'debianutils'],
				...(hostArchitecture() === 'arm64' ? [] : ['libc6-dev-arm64-cross']),
			],
		},
	]);
}

/** Increase it when the same source is built differently. */
const recipeVersion = 2;

/** Only what a `-M virt` guest under KVM needs: two minutes on two cores instead of half an hour. */
const common = [
	...['--python=/usr/bin/python3', '--cross-prefix=aarch64-linux-gnu-', '--target-list=aarch64-softmmu'],
	...['--without-default-features', '--enable-kvm', '--disable-tcg', '--enable-fdt=system', '--disable-pixman'],
	...['--enable-trace-backends=log', '--disable-install-blobs', '--disable-docs', '--disable-tools'],
	// The program is stripped.
	...['--disable-debug-info', `--extra-cflags=${precompiledFlags}`],
];

/** Firmware and device trees that QEMU's build files name and that Debian's archives lack. They are not used here. */
const emptyFirmware = [
	"for file in $(grep -o 'edk2-[a-z0-9_-]*\\.fd' pc-bios/meson.build | sort -u); do [ -e pc-bios/$file.bz2 ] || bzip2 </dev/null >pc-bios/$file.bz2; done",
	// Since 10.2. They are compiled only where there is a dtc.
	"for file in $(grep -so '[a-z0-9-]*\\.dtb' pc-bios/dtb/meson.build | sort -u); do [ -e pc-bios/dtb/$file ] || : >pc-bios/dtb/$file; done",
].join('; ');

/**
 * Defaults of a sanitized QEMU, if its environment does not set others (ASAN_OPTIONS, UBSAN_OPTIONS). It continues
 * after a report, so that a cell shows more; a small quarantine, since boards have little memory.
 */
const sanitizerDefaults = [
	'const char *__asan_default_options(void);',
	'const char *__asan_default_options(void)',
	'{ return "halt_on_error=0:detect_leaks=1:exitcode=0:quarantine_size_mb=8:detect_stack_use_after_return=0"; }',
	'const char *__lsan_default_options(void);',
	'const char *__lsan_default_options(void) { return "exitcode=0"; }',
	'const char *__ubsan_default_options(void);',
	'const char *__ubsan_default_options(void) { return "print_stacktrace=0:halt_on_error=0"; }',
	'',
].join('\n');

/**
 * Makes a copy of the static AddressSanitizer that works: in that of GCC 14 for arm64, the interceptor of strcat keeps its pointer
 * in the section of code, and writing it ends the program with SIGSEGV before main. Here that section can be written to.
 */
const workingRuntime = [
	'mkdir runtime && cd runtime && cp "$(aarch64-linux-gnu-gcc -print-file-name=libasan.a)" libasan.a',
	'aarch64-linux-gnu-ar x libasan.a asan_interceptors.o',
	"if aarch64-linux-gnu-nm asan_interceptors.o | grep -q ' T _ZN14__interception.*real_'; then aarch64-linux-gnu-objcopy --rename-section .text=.text_rw,alloc,load,code,contents asan_interceptors.o && aarch64-linux-gnu-ar r libasan.a asan_interceptors.o 2>&1; fi",
	'cd ..',
];

/** The script that configures `source` into `build`; both stand in its working folder. */
export function configureScript({ configure, sanitizers: chosen }: BuildRecipe): string {
	const words = [...common];
	const prepare: string[] = [];
	if (chosen.length > 0) {
		const recover = chosen.includes('address') ? ' -fsanitize-recover=address' : '';
		const flags = `-fsanitize=${chosen.join(',')} -fno-omit-frame-pointer${recover}`;
		// Link the runtime statically: hosts need no compiler libraries.
		const runtimes = chosen.map(name => (name === 'address' ? '-static-libasan' : '-static-libubsan')).join(' ');
		words.push(
			`--extra-cflags=${flags}`,
			`--extra-ldflags=${flags} -L/mnt/build/runtime ${runtimes} /mnt/build/sanitizer-defaults.o`,
		);
		// Since 9.2 QEMU has an option for each. With it, coroutines tell the sanitizer which stack they are on.
		const options = chosen.map(name => (name === 'address' ? '--enable-asan' : '--enable-ubsan')).join(' ');
		prepare.push(
			...(chosen.includes('address') ? workingRuntime : []),
			`own=$(if grep -q -e --enable-asan ../source/scripts/meson-buildoptions.sh; then echo '${options}'; fi)`,
			`printf '%s' ${quoteCommand([sanitizerDefaults])} >sanitizer-defaults.c`,
			'aarch64-linux-gnu-gcc -O1 -c sanitizer-defaults.c -o sanitizer-defaults.o',
		);
	}
	const run = `../source/configure ${quoteCommand(words)} ${chosen.length > 0 ? '$own ' : ''}${quoteCommand(configure)}`;
	return [
		`cd source && ${emptyFirmware} && cd ../build || exit 1`,
		...prepare.map(line => `${line} || exit 1`),
		`{ ${run} || { tail -n 30 meson-logs/meson-log.txt; exit 1; }; } 2>&1`,
	].join('\n');
}

/** Makes the script that compiles and leaves the program as `program`, with function names for reports. */
export const compileScript = ({ sanitizers: chosen }: BuildRecipe) =>
	[
		'cd /mnt/build || exit 1',
		precompileScript,
		'ninja qemu-system-aarch64 2>&1 || exit 1',
		`aarch64-linux-gnu-strip ${chosen.length > 0 ? '--strip-debug ' : ''}-o /mnt/program qemu-system-aarch64`,
	].join('\n');

/** Identifies a build: the tools, the source, the options, and the patches by their diffs. */
export function buildKey(root: BuildRoot, source: string, recipe: BuildRecipe, diffs: readonly Buffer[]): string {
	const hashes = diffs.map(diff => createHash('sha256').update(diff).digest('hex'));
	return createHash('sha256')
		.update(JSON.stringify([recipeVersion, root.key, source, configureScript(recipe), compileScript(recipe), hashes]))
		.digest('hex')
		.slice(0, 16);
}
