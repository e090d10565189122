import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import {
	authorText,
	classifyPatchFile,
	type PatchMail,
	type PatchSeries,
	parseHeaders,
	parsePatchwork,
	selectSeries,
	splitBareDiff,
} from '../../patch/index.ts';
import { lastLines } from '../cache/tool.ts';
import { readForeign } from '../sandbox/index.ts';

/** A patch file from the user: mails, patchwork JSON or a diff, possibly gzipped. */
export interface PatchFile {
	/** As the user named it. */
	readonly name: string;
	readonly content: Buffer;
}

/** Runs an sh script with git available, in a sandbox whose working folder is `work`. */
export type RunGit = (
	script: string,
	work: string,
) => Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>;

/** Splits mailboxes and decodes mails, as `git am` does, without a repository. */
const decode = [
	'set -e; cd mails',
	'for box in [0-9]*.box; do',
	'  at=$(basename "$box" .box); mkdir "$at"',
	'  git mailsplit -d5 -o"$at" -b -- "$box" >/dev/null 2>"$at.said" || { rm -rf "$at"; continue; }',
	'  for mail in "$at"/[0-9]*; do',
	'    git mailinfo --encoding=UTF-8 --no-scissors "$mail.text" "$mail.diff" <"$mail" >"$mail.info" 2>"$mail.said" || rm -f "$mail.info"',
	'  done',
	'done',
].join('\n');

const mailMaxBytes = 64 * 1024 * 1024;

/**
 * Reads patch files into series, in the order in which they are to be applied. git splits and decodes the mails, and
 * {@link selectSeries} decides which patches belong to a series.
 *
 * @param work an empty folder for intermediate files; the caller removes it
 * @throws UsageError for a file without a patch, or that git cannot read as mail
 */
export async function readSeries(files: readonly PatchFile[], work: string, runGit: RunGit): Promise<PatchSeries[]> {
	const mails: PatchMail[][] = [];
	const boxes: number[] = [];
	await makeFolder(path.join(work, 'mails'));
	for (const [at, { name, content }] of files.entries()) {
		const file = classifyPatchFile(name, content);
		if (file.kind === 'patchwork') mails[at] = parsePatchwork(name, file.content.toString('utf8'));
		else if (file.kind === 'diff') {
			const { message, diff } = splitBareDiff(file.content);
			const headers = { messageId: undefined, answers: [], isFlowed: false };
			mails[at] = [{ file: name, subject: '', author: '', message, diff, headers }];
		} else {
			await writeFile(path.join(work, 'mails', `${at}.box`), withoutBom(file.content));
			boxes.push(at);
		}
	}
	if (boxes.length > 0) {
		const { status, stderr } = await runGit(decode, work);
		if (status !== 0) {
			throw new VpmuError('git could not be run to read the patches', { blame: 'host', evidence: lastLines(stderr) });
		}
	}
	for (const at of boxes) mails[at] = await decodedMails(files[at]!.name, work, `mails/${at}`);
	return selectSeries(mails.flat());
}

async function decodedMails(file: string, work: string, folder: string): Promise<PatchMail[]> {
	const names = (await readdir(path.join(work, folder)).catch(() => [])).filter(name => /^\d+$/.test(name)).sort();
	if (names.length === 0) {
		const said = await readForeign(work, `${folder}.said`, mailMaxBytes).catch(() => Buffer.alloc(0));
		const why = lastLines(said.toString('utf8')).at(-1) ?? 'it has no mail';
		throw new UsageError(`git cannot read '${file}' as a mailbox: ${why}`);
	}
	return await Promise.all(
		names.map(async name => {
			const read = async (ending: string) => await readForeign(work, `${folder}/${name}${ending}`, mailMaxBytes);
			const info = await read('.info').catch(() => undefined);
			const mail = await read('');
			if (info === undefined) {
				const why = lastLines((await read('.said')).toString('utf8')).at(-1);
				throw new UsageError(`git cannot read mail ${Number(name)} of '${file}'${why === undefined ? '' : `: ${why}`}`);
			}
			const field = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(info.toString('utf8'))?.[1] ?? '';
			const diff = await read('.diff');
			const hasDiff = /^(diff --git |--- [^\n]*\n\+\+\+ )/m.test(diff.toString('latin1'));
			const message = (await read('.text')).toString('utf8');
			return {
				file: names.length === 1 ? file : `${file}, mail ${Number(name)}`,
				subject: rawSubject(mail) ?? field('Subject'),
				author: authorText(field('Author'), field('Email')),
				message: hasDiff ? message : `${message}${diff.toString('utf8')}`,
				diff: hasDiff ? diff : Buffer.alloc(0),
				headers: parseHeaders(mail),
			};
		}),
	);
}

/** Returns a mail's subject, unfolded, and decoded as far as brackets need (RFC 2047 words of Q and B). */
function rawSubject(mail: Buffer): string | undefined {
	const head = mail.subarray(0, 256 * 1024).toString('latin1');
	const end = /\r?\n\r?\n/.exec(head)?.index ?? head.length;
	const field = /^subject:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)/im.exec(head.slice(0, end))?.[1];
	if (field === undefined) return undefined;
	const unfolded = field.replace(/\r?\n[ \t]+/g, ' ').trim();
	return unfolded
		.replace(/(=\?[^?\s]+\?[qb]\?[^?\s]*\?=)\s+(?==\?)/gi, '$1')
		.replace(/=\?([^?\s]+)\?([qb])\?([^?\s]*)\?=/gi, (_, charset: string, kind: string, text: string) => {
			const bytes =
				kind.toLowerCase() === 'b'
					? Buffer.from(text, 'base64')
					: Buffer.from(
							text
								.replace(/_/g, ' ')
								.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
							'latin1',
						);
			return bytes.toString(/utf-?8/i.test(charset) ? 'utf8' : 'latin1');
		});
}

const withoutBom = (content: Buffer) =>
	content.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? content.subarray(3) : content;
