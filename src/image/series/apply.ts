import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import {
	type FileDiff,
	type NearFit,
	nearestFit,
	type Patch,
	type PatchSeries,
	parseDiff,
	refusalOf,
} from '../../patch/index.ts';
import { lastLines } from '../cache/tool.ts';
import { readForeign } from '../sandbox/index.ts';
import type { RunGit } from './mails.ts';
import { type BlobOf, mergeThreeWay } from './three-way.ts';

/** A patch that does not apply: which one, where, and where it would nearly fit. */
export class PatchRefused extends UsageError {
	/** One line for each hunk or file that git refused, with the current content there. */
	readonly details: readonly string[];

	constructor(message: string, details: readonly string[]) {
		super(details.length === 0 ? message : `${message}\n${details.map(line => `  ${line}`).join('\n')}`);
		this.details = details;
	}

	/** The same with further lines behind it. */
	with(lines: readonly string[]): PatchRefused {
		return new PatchRefused(this.message, lines);
	}
}

const textOf = (diff: Buffer) => diff.toString('utf8');

/**
 * Refuses patches that touch forbidden paths, before anything is applied.
 *
 * @throws PatchRefused that names the patch and the path
 */
export function refuseUnsafe(series: readonly PatchSeries[]): void {
	for (const patch of series.flatMap(one => one.patches)) {
		for (const file of parseDiff(textOf(patch.diff))) {
			const why = refusalOf(file);
			if (why !== undefined) throw new PatchRefused(`${named(patch)} is refused: ${why}`, []);
		}
	}
}

export const named = (patch: Patch) =>
	`patch ${patch.part === undefined ? '' : `${patch.part} `}'${patch.title}'${patch.file === patch.title ? '' : ` (${patch.file})`}`;

/** Copies the files that patches touch from `source` into the folder named first. Links stay links. */
const copyTouched = [
	'copy_touched() {',
	'  mkdir -p "$1"',
	'  cd "$top/source"',
	'  while IFS= read -r -d "" file; do',
	'    if [ -f "$file" ] || [ -L "$file" ]; then cp --parents -P -p -- "$file" "$1"; fi',
	'  done <"$top/touched"',
	'}',
].join('\n');

/**
 * Tries a series on copies of the files that it touches. Does not change the tree itself.
 *
 * @param work the sandbox's working folder, with the tree in `source`
 * @param tree how messages name the tree, such as `QEMU 10.0.13 of 'qemu.tar.xz'`
 * @param blobOf reads blobs of the tree's repository, for a three-way merge of what does not apply
 * @throws PatchRefused for the first patch that does not apply, or that makes a link out of the tree
 */
export async function tryPatches(
	patches: readonly Patch[],
	work: string,
	tree: string,
	runGit: RunGit,
	blobOf?: BlobOf,
): Promise<void> {
	const diffs = patches.map(patch => parseDiff(textOf(patch.diff)));
	const touched = new Set(
		diffs
			.flat()
			.flatMap(file => [file.oldPath, file.newPath])
			.filter(name => name !== undefined),
	);
	await rm(path.join(work, 'trial'), { recursive: true, force: true });
	await writeFile(path.join(work, 'touched'), [...touched].map(name => `${name}\0`).join(''));
	await makeFolder(path.join(work, 'diffs'));
	for (const [at, patch] of patches.entries()) await writeFile(path.join(work, 'diffs', `${at}.diff`), patch.diff);
	// Each patch is applied completely or not at all. The first refused one is applied again hunk by hunk, to find which hunks fit.
	const script = [
		'top=$PWD',
		copyTouched,
		'copy_touched "$top/trial"; cd "$top/trial"',
		`for at in $(seq 0 ${patches.length - 1}); do`,
		'  if git apply --whitespace=nowarn -p1 $top/diffs/$at.diff 2>$top/diffs/$at.said; then continue; fi',
		'  if git apply --whitespace=nowarn -p1 --reverse --check $top/diffs/$at.diff 2>/dev/null; then echo reversed >$top/diffs/$at.also; fi',
		'  cp -a "$top/trial" "$top/rejects"; cd "$top/rejects"',
		'  LC_ALL=C git apply --whitespace=nowarn -p1 --reject --verbose $top/diffs/$at.diff 2>$top/diffs/$at.hunks',
		'  echo $at >"$top/refused"; exit 0',
		'done',
		'find "$top/trial" -type l -printf "%P\\0%l\\0" >"$top/links"',
	].join('\n');
	await writeFile(path.join(work, 'try.sh'), script);
	const { status, stderr } = await runGit('bash ./try.sh', work);
	if (status !== 0) throw new PatchRefused(`the patches cannot be tried on ${tree}`, lastLines(stderr));
	const refused = await readForeign(work, 'refused', 64).catch(() => undefined);
	if (refused !== undefined) {
		const at = Number(refused.toString());
		throw await refusal(patches[at]!, diffs[at]!, at, { work, tree, runGit, blobOf });
	}
	const links = (await readForeign(work, 'links', 1 << 20)).toString('utf8').split('\0');
	for (let at = 0; at + 1 < links.length; at += 2) {
		const [name, target] = [links[at]!, links[at + 1]!];
		const makers = patches.filter((_, index) =>
			diffs[index]!.some(file => file.newPath === name && file.newMode === '120000'),
		);
		const leaves =
			target.startsWith('/') ||
			path.posix.normalize(path.posix.join(path.posix.dirname(name), target)).startsWith('..');
		const maker = makers.at(-1);
		if (leaves && maker !== undefined) {
			throw new PatchRefused(`${named(maker)} is refused: link '${name}' leads out of the tree, to '${target}'`, []);
		}
	}
}

/** Quotes a line of a file for a message. */
const shown = (line: string | undefined) =>
	line === undefined
		? 'past the end of the file'
		: line.trim() === ''
			? 'a blank line'
			: `'${line.trim().slice(0, 120)}'`;

/** Says where a hunk nearly fits. */
function nearWords(near: NearFit | undefined): string {
	if (near === undefined) return 'nothing like it in the file';
	const { line, equal, of, differs, fuzz } = near;
	if (differs === undefined)
		return `its lines stand at line ${line}, not at the beginning or end of the file, where git wants it`;
	const fits = fuzz === undefined ? 'nearly fits' : `fits only with fuzz ${fuzz}`;
	const { at, found, expected } = differs;
	return `${fits} at line ${line} (${equal} of ${of} lines): line ${at} is ${shown(found)}, not ${shown(expected)}`;
}

async function refusal(
	patch: Patch,
	files: readonly FileDiff[],
	at: number,
	{ work, tree, runGit, blobOf }: { work: string; tree: string; runGit: RunGit; blobOf: BlobOf | undefined },
): Promise<PatchRefused> {
	const said = async (ending: string) =>
		(await readForeign(work, `diffs/${at}.${ending}`, 1 << 22).catch(() => Buffer.alloc(0))).toString('utf8');
	const details: string[] = [];
	const unfit: string[] = [];
	let [hunksRefused, hunksFuzzy, filesRefused] = [0, 0, 0];
	for (const { file, rejected, reason } of parseRejects(await said('hunks'))) {
		const diff = files.find(one => one.oldPath === file || one.newPath === file);
		if (rejected.length === 0) {
			filesRefused++;
			details.push(`${file}: ${reason}`);
			continue;
		}
		unfit.push(file);
		const content = (await readForeign(work, `trial/${file}`, 1 << 26).catch(() => Buffer.alloc(0))).toString('utf8');
		for (const number of rejected) {
			const hunk = diff?.hunks[number - 1];
			const where = `${file}, hunk ${number} of ${diff?.hunks.length ?? '?'}${hunk === undefined ? '' : ` (line ${hunk.oldStart}${hunk.section === '' ? '' : `, ${hunk.section.trim()}`})`}`;
			const near = hunk === undefined ? undefined : nearestFit(content, hunk);
			if (near?.fuzz === undefined) hunksRefused++;
			else hunksFuzzy++;
			details.push(`${where}: ${nearWords(near)}`);
		}
	}
	const isReversed = (await said('also')) !== '';
	if (!isReversed) details.push(...(await mergeThreeWay(files, unfit, at, work, runGit, blobOf)));
	const [first] = lastLines(await said('said'), 40).filter(line => /^error: /.test(line));
	const counts = [
		...(hunksRefused === 0 ? [] : [hunksRefused === 1 ? '1 hunk does not fit' : `${hunksRefused} hunks do not fit`]),
		...(hunksFuzzy === 0
			? []
			: [
					`${hunksFuzzy === 1 ? '1 hunk fits' : `${hunksFuzzy} hunks fit`} only with fuzz, which 'git am' does not allow`,
				]),
		...(filesRefused === 0
			? []
			: [filesRefused === 1 ? '1 file cannot be patched' : `${filesRefused} files cannot be patched`]),
	].join(', ');
	const why = isReversed
		? 'it is applied already'
		: counts || (first?.replace(/^error: /, '') ?? 'git gives no reason');
	const flowed = patch.isFlowed ? '; it was sent as format=flowed, with which mail programs wrap lines' : '';
	return new PatchRefused(`${named(patch)} does not apply to ${tree}: ${why}${flowed}`, isReversed ? [] : details);
}

/** Parses the output of `git apply --reject --verbose`: for each file the refused hunks, or why nothing was tried. */
export function parseRejects(said: string): { file: string; rejected: number[]; reason: string }[] {
	const files = new Map<string, { file: string; rejected: number[]; reason: string }>();
	const of = (file: string) => {
		const known = files.get(file) ?? { file, rejected: [], reason: '' };
		files.set(file, known);
		return known;
	};
	let current: string | undefined;
	for (const line of said.split('\n')) {
		const applying = /^Applying patch (.+) with \d+ rejects?\.\.\.$/.exec(line);
		if (applying !== null) current = applying[1]!;
		const rejected = /^Rejected hunk #(\d+)\.$/.exec(line);
		if (rejected !== null && current !== undefined) of(current).rejected.push(Number(rejected[1]));
		const whole =
			/^error: (.+?): (No such file or directory|already exists in (?:working directory|index)|.*wrong type|.*symbolic link|patch does not apply)$/.exec(
				line,
			);
		if (whole !== null) of(whole[1]!).reason ||= whole[2]!;
		const binary =
			/^error: (?:the patch applies to '(.+)' \(.*\), which does not match|cannot apply binary patch to '(.+)' without full index line)/.exec(
				line,
			);
		if (binary !== null)
			of((binary[1] ?? binary[2])!).reason = 'the binary file is not the one that the patch was made for';
	}
	return [...files.values()];
}

/** Builds the script that applies diffs, already tried, to `source`. */
export const applyScript = (from: number, to: number) =>
	`top=$PWD; cd source && for at in $(seq ${from} ${to - 1}); do git apply --whitespace=nowarn -p1 $top/diffs/$at.diff || exit 1; done`;
