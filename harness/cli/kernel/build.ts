import { copyFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import {
	type BuiltLinuxSeries,
	buildLinuxSeries,
	debianLinuxSource,
	LinuxBuildFailure,
	openCache,
	openLinuxSource,
	type PatchFile,
	parseLimits,
	requestedConfig,
	requireSandbox,
} from '../../../src/image/index.ts';
import { formatDuration, UsageError } from '../../../src/lib/index.ts';
import { classifyPatchFile, parsePatchwork } from '../../../src/patch/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { explain } from '../../usage/explain.ts';
import type { Given } from '../command.ts';
import { progressPrinter } from '../upkeep/progress.ts';
import type { kernelBuildOptions } from './options.ts';

/** `vpmu kernel build`. */
export async function build(context: CommandContext, { options }: Given<typeof kernelBuildOptions>): Promise<number> {
	const { stdout, stderr, cwd, env, signal } = context;
	const named = options.source;
	if (named === undefined) {
		throw new UsageError(
			"'vpmu kernel build' needs option '--source': a folder, an archive of Linux's source, or debian:SUITE",
		);
	}
	const limits = parseLimits(options['build-limit'] ?? []);
	const config = await requestedConfig(options.config ?? 'small', cwd);
	const files = await Promise.all((options.patch ?? []).map(name => readPatch(name, cwd)));
	await requireSandbox(signal);
	const printer = progressPrinter(stderr);
	const startedAt = performance.now();
	let built: BuiltLinuxSeries;
	try {
		const cache = await openCache({ env, signal, onProgress: printer.report });
		const suite = /^debian:(.+)$/.exec(named)?.[1];
		const source = suite === undefined ? await openLinuxSource(named, cwd) : await debianLinuxSource(cache, suite);
		built = await buildLinuxSeries(cache, { source, config, files, limits });
	} catch (error) {
		printer.end();
		if (!(error instanceof LinuxBuildFailure)) throw error;
		// The source or the patches are at fault, not this machine.
		explain(error, context);
		return exitCodes.failed;
	} finally {
		printer.end();
	}
	const { after, warnings } = built;
	const tookMs = Math.round(performance.now() - startedAt);
	const out = options.out === undefined ? undefined : path.resolve(cwd, options.out);
	if (out !== undefined) {
		await copyFile(after.image, out).catch(error => {
			throw new UsageError(`cannot write '${options.out}' of option '--out': ${error.code ?? error.message}`);
		});
	}
	if (after.missed !== '')
		stderr.write(`Linux ${after.version} does not have all of '${config.name}': ${after.missed}\n`);
	for (const warning of warnings) stderr.write(`new warning: ${warning}\n`);
	if (options.json) {
		const report = { schema: 'vpmu-kernel/1', ...after, ...(out === undefined ? {} : { out }), warnings, tookMs };
		stdout.write(`${JSON.stringify(report, null, 2)}\n`);
		return exitCodes.asPredicted;
	}
	const how = after.fromCache ? 'from the cache' : `built in ${formatDuration(tookMs)}`;
	stdout.write(`Linux ${after.version} (${config.name}), ${how}\n${out ?? after.image}\n`);
	return exitCodes.asPredicted;
}

async function readPatch(name: string, cwd: string): Promise<PatchFile> {
	const content = await readFile(path.resolve(cwd, name)).catch(error => {
		throw new UsageError(`cannot read patch '${name}': ${error.code ?? error.message}`);
	});
	// What holds no patch is refused before anything is fetched.
	const file = classifyPatchFile(name, content);
	if (file.kind === 'patchwork') parsePatchwork(name, file.content.toString('utf8'));
	return { name, content };
}
