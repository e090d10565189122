import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import type { Cache } from '../cache/cache.ts';
import { readForeign, runInSandbox, SandboxLimitError, type SandboxLimits } from '../sandbox/index.ts';
import { errorLines } from '../source/failure.ts';
import { describeMissed, lackingSymbols, missedSymbols, parseKernelConfig } from './config.ts';
import type { RequestedConfig } from './requested.ts';

/** The kernel does not build: the fault is in the source, or in the series under test. */
export class LinuxBuildFailure extends VpmuError {
	override readonly name = 'LinuxBuildFailure';
	/** Whether no patch was applied. */
	readonly unpatched: boolean;

	constructor(
		message: string,
		{ unpatched, evidence }: { readonly unpatched: boolean; readonly evidence: readonly string[] },
	) {
		super(message, { blame: 'kernel', evidence });
		this.unpatched = unpatched;
	}
}

export interface Compilation {
	/** The build's system. */
	readonly root: string;
	/** The folder mounted at /mnt. The build's results are below `out`. */
	readonly work: string;
	/** The source, mounted read-only at /mnt/source. */
	readonly source: string;
	readonly config: RequestedConfig;
	readonly limits: SandboxLimits;
	/** What is built, worded to follow a verb: `Linux 6.12.117 of 'debian:trixie'`. */
	readonly what: string;
	readonly unpatched: boolean;
}

/** The result of a compilation, in the folder of the build. */
export interface Compiled {
	readonly log: readonly string[];
	/** Requested symbols that the kernel does not have as requested; empty if there are none. */
	readonly missed: string;
}

/** Paths in the folder of a build. */
export const builtImage = 'out/arch/arm64/boot/Image';
export const builtConfig = 'out/.config';

/** Fixes everything that would differ between builds. */
const make = [
	`make -j${availableParallelism()} -C /mnt/source O=/mnt/out ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-`,
	"KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_VERSION=1 KBUILD_BUILD_USER=vpmu KBUILD_BUILD_HOST=vpmu",
].join(' ');

/**
 * Removes incomplete targets of a killed build. Kbuild writes a target's command after the target, and considers a
 * target with its command complete (scripts/Kbuild.include, if_changed_dep), so an incomplete one is newer than its
 * command.
 */
const withoutHalves = [
	"find out -name '.*.cmd' -type f -print0 | while IFS= read -r -d '' command; do",
	'  target=$(dirname "$command")/$(basename "$command" .cmd | cut -c 2-)',
	'  if [ "$target" -nt "$command" ]; then rm -f -- "$target"; fi',
	'done',
].join('\n');

/** Configures and compiles. Reuses what an earlier build left in the same folder. */
export async function compileLinux(cache: Cache, compilation: Compilation): Promise<Compiled> {
	const { work, config, what, unpatched } = compilation;
	const log: string[] = [];
	const run = async (script: string, onLine?: (line: string) => void) => {
		try {
			return await runInSandbox(cache, {
				...{ root: compilation.root, work, script, limits: compilation.limits },
				mounts: [{ from: compilation.source, to: '/mnt/source', writable: false }],
				onLine: printed => {
					// Files by name in the source.
					const line = printed.replaceAll('/mnt/source/', '');
					log.push(line);
					onLine?.(line);
				},
			});
		} catch (error) {
			if (!(error instanceof SandboxLimitError)) throw error;
			log.push(`error: the build was ended: ${error.message}`);
			return { status: null };
		}
	};
	await writeFile(path.join(work, 'requested.config'), config.text);
	cache.progress({ what: `Configuring ${what}`, done: 0, total: null, unit: 'steps' });
	const configure = config.isMinimal
		? `${make} allnoconfig KCONFIG_ALLCONFIG=/mnt/requested.config`
		: `cp requested.config out/.config && ${make} olddefconfig`;
	const configured = await run(`mkdir -p out && ${withoutHalves}\n{ ${configure}; } 2>&1`);
	if (configured.status !== 0) throw failure(`${what} cannot be configured`, log, unpatched);
	const result = parseKernelConfig((await readForeign(work, builtConfig, 4 * 1024 ** 2)).toString('utf8'));
	const missed = describeMissed(missedSymbols(parseKernelConfig(config.text), result));
	requireUsable(config, what, result);
	const compiling = `Compiling ${what}`;
	let done = 0;
	cache.progress({ what: compiling, done, total: null, unit: 'files' });
	const compiled = await run(`${make} Image 2>&1`, line => {
		if (/^ {2}[A-Z][A-Z0-9_]{1,7} +\S/.test(line))
			cache.progress({ what: compiling, done: ++done, total: null, unit: 'files' });
	});
	if (compiled.status !== 0) throw failure(`${what} does not compile`, log, unpatched);
	cache.progress({ what: compiling, done, total: done, unit: 'files' });
	return { log, missed };
}

/** @throws UsageError for a configuration that suits neither a guest nor a board */
function requireUsable(config: RequestedConfig, what: string, result: ReturnType<typeof parseKernelConfig>): void {
	const lacking = lackingSymbols(result, 'guest', true);
	if (lacking.length === 0) return;
	const names = lacking.map(({ symbol, what: part }) => `CONFIG_${symbol} (${part})`).join(', ');
	throw new UsageError(
		`with the configuration '${config.name}', ${what} lacks options that every guest and board needs: ${names}`,
	);
}

function failure(message: string, log: readonly string[], unpatched: boolean): LinuxBuildFailure {
	const { first, lines } = errorLines(log);
	return new LinuxBuildFailure(first === undefined ? message : `${message}: ${first}`, { unpatched, evidence: lines });
}
