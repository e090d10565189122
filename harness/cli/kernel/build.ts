import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { type BuiltLinuxSeries, LinuxBuildFailure } from '../../../src/image/index.ts';
import { formatDuration, UsageError } from '../../../src/lib/index.ts';
import { bisecting } from '../../usage/bisect.ts';
import type { CommandContext } from '../../usage/context.ts';
import { bisectCodes, exitCodes } from '../../usage/exit-codes.ts';
import { explain } from '../../usage/explain.ts';
import type { Given } from '../command.ts';
import { readPatch } from '../series/build.ts';
import { buildLinux } from '../series/linux/build.ts';
import type { kernelBuildOptions } from './options.ts';

/** `vpmu kernel build`. */
export async function build(context: CommandContext, given: Given<typeof kernelBuildOptions>): Promise<number> {
	if (!given.options.bisect) return await buildOnce(context, given);
	return await bisecting(context, async () => {
		const code = await buildOnce(context, given);
		// A commit that does not build says nothing about the defect that is looked for.
		return code === exitCodes.failed ? bisectCodes.untestable : code;
	});
}

async function buildOnce(context: CommandContext, { options }: Given<typeof kernelBuildOptions>): Promise<number> {
	const { stdout, cwd, signal } = context;
	const named = options.source;
	if (named === undefined) {
		throw new UsageError(
			"'vpmu kernel build' needs option '--source': a folder, an archive of Linux's source, or debian:SUITE",
		);
	}
	const files = await Promise.all((options.patch ?? []).map(name => readPatch(name, cwd, signal)));
	const startedAt = performance.now();
	let built: BuiltLinuxSeries;
	try {
		const { config, 'build-limit': limits, selftests } = options;
		built = await buildLinux(context, { source: named, config, limits, selftests }, files);
	} catch (error) {
		if (!(error instanceof LinuxBuildFailure)) throw error;
		// The source or the patches are at fault, not this machine.
		explain(error, context);
		return exitCodes.failed;
	}
	const { after, warnings } = built;
	const tookMs = Math.round(performance.now() - startedAt);
	const out = options.out === undefined ? undefined : path.resolve(cwd, options.out);
	if (out !== undefined) {
		await copyFile(after.image, out).catch(error => {
			throw new UsageError(`cannot write '${options.out}' of option '--out': ${error.code ?? error.message}`);
		});
	}
	if (options.json) {
		const report = { schema: 'vpmu-kernel/1', ...after, ...(out === undefined ? {} : { out }), warnings, tookMs };
		stdout.write(`${JSON.stringify(report, null, 2)}\n`);
		return exitCodes.asPredicted;
	}
	const how = after.fromCache ? 'from the cache' : `built in ${formatDuration(tookMs)}`;
	stdout.write(
		`Linux ${after.version} (${options.config ?? 'small'}), ${how}\n${out ?? after.image}\n${after.selftests === undefined ? '' : `${after.selftests}\n`}`,
	);
	return exitCodes.asPredicted;
}
