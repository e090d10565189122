import { cp, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { dir } from 'tmp-promise';
import { UsageError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { lastLines, runTool } from '../cache/tool.ts';
import type { PatchFile } from '../series/mails.ts';
import type { BlobOf } from '../series/three-way.ts';

const quiet = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'log.showSignature=false'];
// A partial clone would fetch what it lacks.
const env = { GIT_OPTIONAL_LOCKS: '0', GIT_NO_LAZY_FETCH: '1' };

/** Runs git in a user's repository with those of its settings disabled that run programs. */
export async function git(folder: string, argv: readonly string[], signal?: AbortSignal) {
	return await runTool(['git', '-C', folder, ...quiet, ...argv], { signal, env });
}

/** As {@link git}; what it prints is taken as bytes. */
async function gitBytes(folder: string, argv: readonly string[], signal?: AbortSignal) {
	const { path: place, cleanup } = await dir({ prefix: 'vpmu-git-', unsafeCleanup: true });
	try {
		const file = path.join(place, 'output');
		const command = ['sh', '-c', 'exec "$@" >"$0"', file, 'git', '-C', folder, ...quiet, ...argv];
		const { status, stderr } = await runTool(command, { signal, env });
		return { status, stderr, bytes: await readFile(file) };
	} finally {
		await cleanup();
	}
}

const blobMaxBytes = 64 * 1024 * 1024;

/** Reads blobs of a repository. */
export function blobsOf(folder: string, signal?: AbortSignal): BlobOf {
	return async name => {
		if (!/^[0-9a-f]{4,64}$/.test(name)) return undefined;
		const size = await git(folder, ['cat-file', '-s', `${name}^{blob}`], signal);
		if (size.status !== 0 || Number(size.stdout) > blobMaxBytes) return undefined;
		const { status, bytes } = await gitBytes(folder, ['cat-file', 'blob', name], signal);
		return status === 0 ? bytes : undefined;
	};
}

/** Whether a folder is the top of a git repository. */
export async function isGitTree(folder: string, signal?: AbortSignal): Promise<boolean> {
	if ((await stat(path.join(folder, '.git')).catch(() => undefined)) === undefined) return false;
	return (await git(folder, ['rev-parse', '--git-dir'], signal)).status === 0;
}

/** The two ends of a range of commits, and the commits as patches. */
export interface GitRange {
	readonly base: string;
	readonly patches: PatchFile;
}

/**
 * Reads the commits of a range as `git format-patch` writes them.
 *
 * @param range `BASE..TIP`; `BASE` alone means up to HEAD
 * @throws UsageError if it is not a range of that repository, or has no commits
 */
export async function readGitRange(folder: string, range: string, signal?: AbortSignal): Promise<GitRange> {
	const [, from = '', to = ''] = /^([^.\s-][^\s]*?)(?:\.\.([^.\s][^\s]*)?)?$/.exec(range) ?? [];
	if (from === '')
		throw new UsageError(`'${range}' is not a range of commits; allowed: BASE..TIP, such as v10.2.0..topic`);
	const commit = async (name: string) => {
		const { status, stdout } = await git(
			folder,
			['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`],
			signal,
		);
		if (status !== 0) throw new UsageError(`range '${range}': '${folder}' has no commit '${name}'`);
		return stdout.trim();
	};
	const [base, tip] = [await commit(from), await commit(to === '' ? 'HEAD' : to)];
	const format = [
		'format-patch',
		'--stdout',
		'--binary',
		'--full-index',
		'--no-ext-diff',
		'--no-textconv',
		'--numbered',
	];
	const { status, bytes, stderr } = await gitBytes(folder, [...format, `${base}..${tip}`], signal);
	if (status !== 0) throw new UsageError(`range '${range}' cannot be read: ${lastLines(stderr).at(-1)}`);
	if (bytes.length === 0) throw new UsageError(`range '${range}' of '${folder}' has no commits`);
	return { base, patches: { name: range, content: bytes } };
}

/**
 * Checks out a commit into an empty folder, with the working tree's `subprojects`, which QEMU's build fetches into it.
 *
 * @throws UsageError when git fails
 */
export async function checkOut(folder: string, commit: string, to: string, signal?: AbortSignal): Promise<void> {
	await makeFolder(to);
	const archive = `${to}.tar`;
	const { status, stderr } = await git(folder, ['archive', '--format=tar', `--output=${archive}`, commit], signal);
	if (status !== 0)
		throw new UsageError(`commit ${commit} of '${folder}' cannot be taken: ${lastLines(stderr).at(-1)}`);
	const unpacked = await runTool(['tar', '--no-same-owner', '-xf', archive, '-C', to], { signal });
	if (unpacked.status !== 0)
		throw new UsageError(`commit ${commit} cannot be unpacked: ${lastLines(unpacked.stderr).at(-1)}`);
	await cp(path.join(folder, 'subprojects'), path.join(to, 'subprojects'), {
		...{ recursive: true, verbatimSymlinks: true, force: false },
	}).catch(error => {
		if (error.code !== 'ENOENT') throw error;
	});
}
