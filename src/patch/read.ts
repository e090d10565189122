import { gunzipSync } from 'node:zlib';
import { UsageError } from '../lib/errors.ts';

/** What a file that a reviewer has turns out to be. */
export type PatchFileKind = 'mails' | 'patchwork' | 'diff';

/** The largest file that is read, unpacked; QEMU's largest pull requests are a few MB. */
export const patchFileMaxBytes = 128 * 1024 * 1024;

/**
 * Tells what a file holds, unpacking gzip.
 *
 * @param name for messages, as the user gave it
 * @throws UsageError for an empty file, one that is too large, damaged gzip, or text that is none of the kinds
 */
export function classifyPatchFile(name: string, content: Buffer): { kind: PatchFileKind; content: Buffer } {
	let bytes = content;
	if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
		try {
			bytes = gunzipSync(bytes, { maxOutputLength: patchFileMaxBytes });
		} catch (error) {
			const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
			throw new UsageError(
				tooLarge
					? `'${name}' unpacks to more than ${patchFileMaxBytes / 1024 / 1024} MiB`
					: `'${name}' is damaged gzip`,
			);
		}
	}
	if (bytes.length > patchFileMaxBytes) {
		throw new UsageError(`'${name}' is larger than ${patchFileMaxBytes / 1024 / 1024} MiB`);
	}
	if (bytes.length === 0) throw new UsageError(`'${name}' is empty`);
	const text = bytes
		.subarray(0, 64 * 1024)
		.toString('latin1')
		.replace(/^\xef\xbb\xbf/, '');
	if (/^\s*[[{]/.test(text)) return { kind: 'patchwork', content: bytes };
	if (/^From |^>From /.test(text) || startsWithHeaders(text)) return { kind: 'mails', content: bytes };
	if (/^(diff --git |--- \S.*\r?\n\+\+\+ \S)/m.test(bytes.toString('latin1'))) return { kind: 'diff', content: bytes };
	throw new UsageError(
		`'${name}' contains no patch; allowed: mails (git format-patch, mbox, .eml, also gzipped), patchwork JSON, and what 'git diff' writes`,
	);
}

/** Whether text begins as a mail does: header fields, one of them a usual one, up to a blank line. */
function startsWithHeaders(text: string): boolean {
	let known = false;
	for (const line of text.replace(/^(?:\r?\n)+/, '').split(/\r?\n/)) {
		if (line === '') break;
		if (/^[ \t]/.test(line)) continue;
		const name = /^([!-9;-~]{1,200}):/.exec(line)?.[1];
		if (name === undefined) return false;
		known ||= /^(from|subject|date|message-id|received|return-path|mime-version|delivered-to)$/i.test(name);
	}
	return known;
}

/** Divides a bare diff into the text before it and the diff. */
export function splitBareDiff(content: Buffer): { readonly message: string; readonly diff: Buffer } {
	const text = content.toString('latin1');
	const start = /^(diff --git |--- \S[^\n]*\n\+\+\+ \S)/m.exec(text)?.index ?? 0;
	return { message: content.subarray(0, start).toString('utf8'), diff: content.subarray(start) };
}
