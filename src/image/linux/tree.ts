import { copyFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { UsageError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { readStored, type Shape } from '../../lib/files/stored.ts';
import { writeWhole } from '../../lib/files/whole-file.ts';
import type { Cache } from '../cache/cache.ts';
import { recordFile } from '../cache/identity.ts';
import { lastLines } from '../cache/tool.ts';
import { freshFolder, removeForeign, runInSandbox, type SandboxLimits } from '../sandbox/index.ts';
import type { BuildRoot } from '../source/root.ts';
import { type LinuxSource, requireLinux } from './source.ts';
import { type TakenFiles, takeOver } from './take-over.ts';

/** The copy of a source that is built, with its build: kept, so that little must be rebuilt. */
export interface LinuxTree {
	/** Holds `source` and a folder for each configuration. */
	readonly folder: string;
	/** No build can write here. */
	readonly source: string;
	readonly version: string;
	/** SHA-256 of the archive, or of the names and contents of all files. */
	readonly contentHash: string;
}

interface TreeState {
	readonly version: string;
	readonly contentHash: string;
	/** For a folder: what was copied, by path. */
	readonly files?: TakenFiles | undefined;
}

const stateShape: Shape<TreeState> = v.looseObject({
	...{ version: v.string(), contentHash: v.string() },
	files: v.exactOptional(v.record(v.string(), v.looseObject({ seen: v.string(), sha256: v.string() }))),
});

/** The name under which a source's tree is kept, and locked while it is used. */
export function treeName(
	{ path: place, archiveHash, keptAs = place }: LinuxSource,
	digest: (text: string) => string,
): string {
	return `linux-${digest(archiveHash ?? `folder ${keptAs}`)}`;
}

/**
 * Provides the tree of a source. An archive is unpacked once. Of a folder, what has changed since the last time is copied.
 * The caller holds the lock `builds/NAME`.
 *
 * @throws UsageError for a source that cannot be used
 */
export async function openLinuxTree(
	cache: Cache,
	root: BuildRoot,
	source: LinuxSource,
	name: string,
	limits: SandboxLimits,
): Promise<LinuxTree> {
	const folder = path.join(cache.folder('builds'), name);
	const place = path.join(folder, 'source');
	const stateFile = path.join(folder, 'state.json');
	const found = await readStored(stateFile, stateShape);
	let state = found.state === 'ok' && (await stat(place).catch(() => undefined)) ? found.value : undefined;
	if (state === undefined) await removeForeign(folder);
	await makeFolder(folder);
	if (source.archiveHash === undefined) {
		cache.progress({ what: `Reading ${source.name}`, done: 0, total: null, unit: 'files' });
		// Until the copy is complete, the recorded state matches no tree.
		await rm(stateFile, { force: true });
		const { files, contentHash, count } = await takeOver(source.path, place, state?.files ?? {}, cache.signal);
		cache.progress({ what: `Reading ${source.name}`, done: count, total: count, unit: 'files' });
		state = { version: await requireLinux(source.name, place), contentHash, files };
	} else if (state === undefined) {
		await unpack(cache, root, source, folder, limits);
		state = { version: await requireLinux(source.name, place), contentHash: source.archiveHash };
	}
	await writeWhole(stateFile, JSON.stringify(state));
	const label = `Linux ${state.version} from ${path.basename(source.name)}: its source and what was built from it`;
	await writeWhole(recordFile(folder), `${JSON.stringify({ label })}\n`);
	return { folder, source: place, version: state.version, contentHash: state.contentHash };
}

async function unpack(cache: Cache, root: BuildRoot, source: LinuxSource, folder: string, limits: SandboxLimits) {
	const what = `Unpacking ${source.name}`;
	cache.progress({ what, done: 0, total: null, unit: 'files' });
	await freshFolder(path.join(folder, 'source'));
	const archive = path.join(folder, 'archive');
	await copyFile(source.path, archive);
	// The sandbox's user must be able to read all of it later, but not to write.
	const script = 'tar --no-same-owner --strip-components=1 -xf archive -C source && chmod -R a+rX,go-w source';
	const { status, stderr } = await runInSandbox(cache, { root: root.folder, work: folder, script, limits });
	await rm(archive, { force: true });
	if (status !== 0) {
		throw new UsageError(`'${source.name}' cannot be unpacked: ${lastLines(stderr).at(-1) ?? 'tar gives no reason'}`);
	}
	cache.progress({ what, done: 1, total: 1, unit: 'files' });
}
