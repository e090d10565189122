import { lstat, rm } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { requireTool } from '../cache/tool.ts';
import { copyForeign } from '../sandbox/index.ts';

const fileMaxBytes = 256 * 1024 ** 2;

/**
 * Makes a patched copy of a source: links to the original files, except that touched files have the patched content.
 *
 * @param trial a folder with the touched files after the patches
 * @throws UsageError for a patch that makes something other than a file
 */
export async function patchedSource(
	source: string,
	trial: string,
	touched: readonly string[],
	to: string,
	signal?: AbortSignal,
): Promise<void> {
	await requireTool(['cp', '--archive', '--link', '--', source, to], { signal });
	for (const name of touched) {
		const place = path.join(to, name);
		await rm(place, { force: true });
		const stats = await lstat(path.join(trial, name)).catch(() => undefined);
		if (stats === undefined) continue;
		if (!stats.isFile())
			throw new UsageError(`a patch makes '${name}' something else than a file, which is not built from`);
		await makeFolder(path.dirname(place));
		const mode = (stats.mode & 0o111) === 0 ? 0o644 : 0o755;
		await copyForeign(trial, name, place, { maxBytes: fileMaxBytes, mode });
	}
}
