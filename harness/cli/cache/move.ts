import path from 'node:path';
import { exportCache, importCache, type Moved, openCache } from '../../../src/image/index.ts';
import { UsageError } from '../../../src/lib/index.ts';
import { defaultCells } from '../../run/request/default-cells.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { resourcesFor } from '../resources.ts';
import { formatBytes, progressPrinter } from '../upkeep/progress.ts';
import type { exportOptions, importOptions } from './options.ts';

/** `vpmu cache export`. */
export async function exportTo(
	context: CommandContext,
	{ options, positionals }: Given<typeof exportOptions>,
): Promise<number> {
	await using resources = resourcesFor(context);
	const cache = await resources.cache();
	if (!options.all) await resources.fill(await defaultCells(context));
	const moved = await exportCache(cache, path.resolve(context.cwd, positionals[0]!), { all: options.all });
	context.stdout.write(wordsOf(positionals[0]!, moved));
	return exitCodes.asPredicted;
}

/** `vpmu cache import`. */
export async function importFrom(
	{ env, signal, stdout, stderr, cwd }: CommandContext,
	{ options, positionals }: Given<typeof importOptions>,
): Promise<number> {
	const { hash: sha256 } = options;
	if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) {
		throw new UsageError(`'${sha256}' of option '--hash' is not a SHA-256: allowed are 64 digits of 0-9 and a-f`);
	}
	const printer = progressPrinter(stderr);
	try {
		const cache = await openCache({ env, signal, onProgress: printer.report });
		const moved = await importCache(cache, path.resolve(cwd, positionals[0]!), sha256);
		printer.end();
		stdout.write(wordsOf(cache.root, moved));
	} finally {
		printer.end();
	}
	return exitCodes.asPredicted;
}

function wordsOf(where: string, { entries, pins, sizeBytes, sha256 }: Moved): string {
	return `${where}: ${entries} entries, ${formatBytes(sizeBytes)}, versions chosen for ${pins} requests\nSHA-256 ${sha256}\n`;
}
