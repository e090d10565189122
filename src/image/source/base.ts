import type { PatchSeries, SeriesBase } from '../../patch/index.ts';
import { runTool } from '../cache/tool.ts';
import { git, isGitTree } from './git.ts';

/** Commits of a tree that are looked through for prerequisites, newest first. */
const commitsSearched = 2000;

/** The message id in a line such as `<id>` or `id`. */
const bareId = (text: string) => /<([^<>\s]{3,300})>|^([^<>\s]{3,300})$/.exec(text)?.slice(1).find(Boolean);

/**
 * Tells which series that it needs first stand before a series, by the message ids of those. One sentence each.
 *
 * @param earlier the series that are applied before it
 */
export function checkOrder({ basedOn }: SeriesBase, earlier: readonly PatchSeries[]): string[] {
	return basedOn.flatMap(line => {
		const id = bareId(line);
		const found = earlier.find(one => one.messageIds.some(other => bareId(other) === id));
		return id === undefined || found === undefined
			? []
			: [`Based-on ${id} is '${found.title}', which is applied first`];
	});
}

/** What is applied before a series. */
export interface BaseContext {
	/** Whether the series with this message is. */
	readonly isApplied?: (messageId: string) => boolean;
	/** Whether nothing is. */
	readonly isFirst?: boolean;
}

/**
 * Compares what a series says that it builds on with the repository that it is tried on: its base-commit, and whether the series and
 * patches that it needs first are among the last commits. One sentence each; none where the folder is not a git tree.
 *
 * @param tip the commit that it is tried on
 */
export async function checkBase(
	folder: string,
	{ baseCommit, basedOn, prerequisites }: SeriesBase,
	tip = 'HEAD',
	signal?: AbortSignal,
	{ isApplied = () => false, isFirst = true }: BaseContext = {},
): Promise<string[]> {
	if (!(await isGitTree(folder, signal))) return [];
	const notes: string[] = [];
	if (baseCommit !== undefined) notes.push(...(await checkCommit(folder, baseCommit, tip, signal)));
	const short = async (commit: string) =>
		(await git(folder, ['log', '-1', '--format=%h (%s)', '--end-of-options', commit, '--'], signal)).stdout.trim();
	const search = async (text: string) => {
		const argv = ['log', '-1', '--format=%H', `--max-count=${commitsSearched}`, '--fixed-strings', `--grep=${text}`];
		const { stdout } = await git(folder, [...argv, '--end-of-options', tip, '--'], signal);
		return /^[0-9a-f]{40,64}/.exec(stdout)?.[0];
	};
	const tell = async (what: string, commit: string | undefined) =>
		notes.push(
			commit === undefined
				? `${what} is not among the last ${commitsSearched} commits of '${folder}': apply it first, by naming its mails before the series`
				: `${what} is in '${folder}' as ${await short(commit)}`,
		);
	for (const id of basedOn) {
		const bare = bareId(id);
		if (bare !== undefined && !isApplied(bare)) await tell(`Based-on ${bare}`, await search(bare));
	}
	let ids: ReadonlyMap<string, string> | undefined;
	for (const line of prerequisites) {
		const [, kind, value = ''] = /^prerequisite-(patch-id|change-id|message-id): <?([^<>\s]{3,300})>?/.exec(line) ?? [];
		if (kind === 'patch-id') {
			ids ??= await patchIds(folder, tip, signal);
			// It may be among the series applied before, whose patches have other names there.
			if (isFirst || ids.has(value)) await tell(`prerequisite patch ${value.slice(0, 12)}`, ids.get(value));
		} else if (kind !== undefined) await tell(`prerequisite ${value}`, await search(value));
	}
	return notes;
}

async function checkCommit(folder: string, baseCommit: string, tip: string, signal?: AbortSignal): Promise<string[]> {
	const known = await git(folder, ['cat-file', '-e', `${baseCommit}^{commit}`], signal);
	if (known.status !== 0) return [`base-commit ${baseCommit.slice(0, 12)} is not in '${folder}'`];
	const range = `${baseCommit}...${tip}`;
	const { status, stdout } = await git(folder, ['rev-list', '--count', '--left-right', range], signal);
	const [behind, ahead] = stdout.trim().split(/\s+/);
	if (status !== 0) return [];
	const what = tip === 'HEAD' ? `'${folder}'` : `${tip.slice(0, 12)} of '${folder}'`;
	if (behind === '0' && ahead === '0') return [`${what} is at the base-commit`];
	return [
		`${what} is ${ahead} ${ahead === '1' ? 'commit' : 'commits'} ahead of the base-commit${behind === '0' ? '' : ` and lacks ${behind} of its history`}`,
	];
}

/** The stable patch ids (git-patch-id(1)) of the last commits, with the commits' names. */
async function patchIds(folder: string, tip: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
	const script = [
		'git -C "$1" log -p --no-merges --no-ext-diff --no-textconv --no-color "--max-count=$2" --end-of-options "$3" --',
		'git patch-id --stable',
	].join(' | ');
	const argv = ['sh', '-c', script, 'sh', folder, String(commitsSearched), tip];
	const { stdout } = await runTool(argv, { signal, env: { GIT_OPTIONAL_LOCKS: '0', GIT_NO_LAZY_FETCH: '1' } });
	return new Map(stdout.split('\n').map(line => line.split(' ') as [string, string]));
}
