import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { quoteWord } from '../../lib/text/quote.ts';
import type { FileDiff } from '../../patch/index.ts';
import { readForeign } from '../sandbox/index.ts';
import type { RunGit } from './mails.ts';

/** Reads a blob of a repository by its name, which a patch may shorten; `undefined` if there is none. */
export type BlobOf = (name: string) => Promise<Buffer | undefined>;

/** Limit for the lines shown of conflicts. */
const [filesShown, conflictsShown, linesShown] = [10, 3, 14];

const mergedMaxBytes = 1 << 26;

/**
 * Merges files of a refused patch as `git am --3way` does: the patch is applied to the blob that it was made for, and the
 * difference is merged into the file as it stands. Changes nothing but `work/three`.
 *
 * @param refused names of files that the patch does not apply to
 * @param at number of its diff in `work/diffs`; the files as they stand are in `work/trial`
 * @returns lines for a message
 */
export async function mergeThreeWay(
	files: readonly FileDiff[],
	refused: readonly string[],
	at: number,
	work: string,
	runGit: RunGit,
	blobOf: BlobOf | undefined,
): Promise<string[]> {
	if (refused.length === 0) return [];
	if (blobOf === undefined) {
		return [
			'a three-way merge cannot be tried: the source is not a git tree, so the files that the patch was made for are not here',
		];
	}
	const lines: string[] = [];
	for (const [index, name] of refused.slice(0, filesShown).entries()) {
		const file = files.find(one => one.oldPath === name || one.newPath === name);
		lines.push(...(await mergeOne(file, name, index)));
	}
	return lines;

	async function mergeOne(file: FileDiff | undefined, name: string, index: number): Promise<string[]> {
		const [blob, oldPath] = [file?.oldBlob, file?.oldPath];
		const cannot = (why: string) => [`${name}: no three-way merge: ${why}`];
		if (blob === undefined || oldPath === undefined)
			return cannot('the patch does not name the blob that it was made for');
		const content = await blobOf!(blob);
		if (content === undefined) return cannot(`the git tree lacks blob ${blob}, which the patch was made for`);
		const folder = path.join(work, 'three', String(index));
		await rm(folder, { recursive: true, force: true });
		await makeFolder(path.join(folder, 'tree', path.dirname(oldPath)));
		await writeFile(path.join(folder, 'tree', oldPath), content);
		await writeFile(path.join(folder, 'base'), content);
		const pattern = (text: string) => quoteWord(text.replace(/[\\*?[\]]/g, '\\$&'));
		const [theirs, ours] = [file?.newPath ?? oldPath, oldPath].map(one => quoteWord(`./${one}`));
		const script = [
			`top=$PWD; cd three/${index}/tree`,
			`git apply --whitespace=nowarn -p1 --include=${pattern(oldPath)} --include=${pattern(theirs!.slice(2))} $top/diffs/${at}.diff || exit 1`,
			`[ -f "$top/trial/"${ours} ] && [ ! -L "$top/trial/"${ours} ] && [ -f ${theirs} ] && [ ! -L ${theirs} ] || exit 1`,
			`git merge-file -p --diff3 -L "the tree" -L "what the patch was made for" -L "the patch" "$top/trial/"${ours} ../base ${theirs} >../merged`,
			'[ $? -lt 128 ]',
		].join('\n');
		const { status } = await runGit(script, work);
		if (status !== 0) return cannot(`git cannot apply the patch to blob ${blob}`);
		const merged = (await readForeign(work, `three/${index}/merged`, mergedMaxBytes)).toString('utf8');
		const conflicts = conflictsIn(merged);
		if (conflicts.length === 0) {
			return [`${name}: a three-way merge succeeds: 'git am --3way' applies the patch to this tree`];
		}
		const count = conflicts.length === 1 ? '1 conflict' : `${conflicts.length} conflicts`;
		return [
			`${name}: a three-way merge leaves ${count}`,
			...conflicts
				.slice(0, conflictsShown)
				.flatMap(({ line, text }) => [
					`  at line ${line}:`,
					...text.slice(0, linesShown).map(one => `    ${one.slice(0, 160)}`),
					...(text.length > linesShown ? [`    ... ${text.length - linesShown} more lines`] : []),
				]),
		];
	}
}

/** Conflicts that `git merge-file --diff3` marks, with the line of the file at which each begins. */
export function conflictsIn(merged: string): { readonly line: number; readonly text: string[] }[] {
	const found: { line: number; text: string[] }[] = [];
	let current: { line: number; text: string[] } | undefined;
	for (const [at, line] of merged.split('\n').entries()) {
		if (current === undefined && line.startsWith('<<<<<<< the tree')) current = { line: at + 1, text: [] };
		current?.text.push(line);
		if (current !== undefined && line.startsWith('>>>>>>> the patch')) {
			found.push(current);
			current = undefined;
		}
	}
	return found;
}
