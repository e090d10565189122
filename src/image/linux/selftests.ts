import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../lib/files/make-folder.ts';
import type { Cache } from '../cache/cache.ts';
import { copyForeign, runInSandbox, SandboxLimitError } from '../sandbox/index.ts';
import { errorLines } from '../source/failure.ts';
import type { Compilation } from './compile.ts';

/**
 * The kernel's own tests of KVM that concern PMUs, with their arguments. Their folder is `aarch64` until Linux 6.13, `arm64` since. A
 * test of more than PMUs is judged by the points of its TAP that are `about` them.
 */
export const pmuSelftests: readonly {
	readonly name: string;
	readonly argv: readonly string[];
	readonly about?: readonly string[];
}[] = [
	{ name: 'vpmu_counter_access', argv: [] },
	// Of its lists of registers, the one with the PMU's.
	{ name: 'get-reg-list', argv: ['--config=vregs+pmu'] },
	// User space may lower PMUVer and PerfMon. Stable 6.12 fails its own test at another field (ASIDBITS).
	{ name: 'set_id_regs', argv: [], about: ['PMUVer', 'PerfMon'] },
];

/** The name of the file in place of tests that could not be built: the first error, then the end of the log. */
export const unbuiltSelftests = 'unbuilt';

/** Increase it when other tests are built, or otherwise. */
export const selftestsVersion = 'selftests 5';

/** Lines of a failed build's log that are kept. */
const keptLines = 200;

const testMaxBytes = 32 * 1024 ** 2;

/**
 * Makes a copy of what the tests are built from, since their makefiles write beside the source, and builds them static, so that they
 * run on any arm64 Linux. A test that this kernel does not have is left out. The folder `tests` gets them.
 */
const script = [
	'set -e',
	'rm -rf tree tests && mkdir -p tree/arch/arm64 tree/tools/testing/selftests tests out',
	'make -C /mnt/source O=/mnt/out ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- headers',
	'cp -r /mnt/source/scripts tree/ && cp -r /mnt/source/arch/arm64/tools tree/arch/arm64/',
	'for part in arch/arm64 include build lib scripts; do',
	'  mkdir -p "tree/tools/$(dirname "$part")" && cp -r "/mnt/source/tools/$part" "tree/tools/$part"',
	'done',
	'cd /mnt/source/tools/testing/selftests',
	// KVM's makefile includes cgroup's in newer kernels (7.3), and that needs a header of clone3's.
	'for part in *.h *.mk kvm rseq cgroup clone3; do',
	'  if [ -e "$part" ]; then cp -r "$part" /mnt/tree/tools/testing/selftests/; fi',
	'done',
	'cd /mnt/tree/tools/testing/selftests/kvm',
	// The makefile of the tests links with LDFLAGS that it adds to; this is given to compiler and linker.
	'kvm() { make -j$(nproc) ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- OUTPUT=/mnt/tests EXTRA_CFLAGS=-static KHDR_INCLUDES=\'-isystem /mnt/out/usr/include\' "$@"; }',
	`for name in ${pmuSelftests.map(({ name }) => name).join(' ')}; do`,
	'  for folder in arm64 aarch64; do',
	'    if [ -e "$folder/$name.c" ]; then',
	'      target=/mnt/tests/$folder/$name',
	// Some tests have a common part, and their program is in the folder above.
	'      if [ -e "$name.c" ]; then target=/mnt/tests/$name; fi',
	'      kvm "$target"',
	'      cp "$target" "/mnt/tests/built-$name"',
	'    fi',
	'  done',
	'done',
	'chmod -R u+w /mnt/tree && rm -rf /mnt/tree',
].join('\n');

/**
 * Builds the kernel's own tests of vCPUs' PMUs from its source, into a folder. That they do not build is no fault of the kernel: the
 * folder then says why.
 * @throws the signal's reason; VpmuError if the sandbox fails
 */
export async function buildSelftests(cache: Cache, compilation: Compilation, to: string): Promise<void> {
	const { root, work, source, limits, what } = compilation;
	const log: string[] = [];
	cache.progress({ what: `Compiling the tests of ${what}`, done: 0, total: null, unit: 'steps' });
	const ended = await runInSandbox(cache, {
		...{ root, work, limits, script: `{ ${script}\n} 2>&1` },
		mounts: [{ from: source, to: '/mnt/source', writable: false }],
		onLine: line => void log.push(line),
	}).catch(error => {
		if (!(error instanceof SandboxLimitError)) throw error;
		log.push(`error: ${error.message}`);
		return { status: null };
	});
	await makeFolder(to);
	if (ended.status !== 0) {
		const { first, lines } = errorLines(log);
		const reason = first ?? lines.at(-1) ?? 'they do not build';
		await writeFile(path.join(to, unbuiltSelftests), [reason, '', ...log.slice(-keptLines), ''].join('\n'));
		return;
	}
	for (const { name } of pmuSelftests) {
		await copyForeign(work, `tests/built-${name}`, path.join(to, name), { maxBytes: testMaxBytes, mode: 0o755 }).catch(
			() => undefined,
		);
	}
}
