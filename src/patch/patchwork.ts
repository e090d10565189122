import { messageOf, UsageError } from '../lib/errors.ts';
import { authorText } from './author.ts';
import type { PatchMail } from './series.ts';

/**
 * Reads patches out of patchwork's JSON: a patch record, a list of them, or a series record whose patches have their text
 * (REST API 1.x, `/api/patches/ID/`, fields `name`, `content`, `diff`).
 *
 * @param file the name for messages
 * @throws UsageError for JSON that is neither, or a series record that only lists where its patches are
 */
export function parsePatchwork(file: string, text: string): PatchMail[] {
	let document: unknown;
	try {
		document = JSON.parse(text);
	} catch (error) {
		throw new UsageError(`'${file}' is not valid JSON: ${messageOf(error)}`);
	}
	const isObject = (value: unknown): value is Record<string, unknown> =>
		typeof value === 'object' && value !== null && !Array.isArray(value);
	const records = Array.isArray(document)
		? document
		: isObject(document) && Array.isArray(document.patches)
			? [...(isObject(document.cover_letter) ? [document.cover_letter] : []), ...document.patches]
			: [document];
	return records.map((record, at) => {
		const which = records.length === 1 ? `'${file}'` : `entry ${at + 1} of '${file}'`;
		if (!isObject(record) || typeof record.name !== 'string') {
			throw new UsageError(`${which} is not a patchwork record: it needs the strings 'name', 'content' and 'diff'`);
		}
		const isCover = isObject(document) && document.cover_letter === record;
		const { diff, content } = record;
		if (typeof diff !== 'string' && !isCover) {
			const mbox = typeof record.mbox === 'string' ? `; save its text from ${record.mbox} and name that file` : '';
			throw new UsageError(`${which} ('${record.name}') has no string 'diff'${mbox}`);
		}
		const headers = isObject(record.headers) ? record.headers : {};
		const header = (name: string) => {
			const key = Object.keys(headers).find(other => other.toLowerCase() === name);
			const value = key === undefined ? undefined : headers[key];
			return typeof value === 'string' ? value : '';
		};
		const submitter = isObject(record.submitter) ? record.submitter : {};
		const ids = (value: string) => [...value.matchAll(/<([^<>\s]{1,998})>/g)].map(match => match[1]!);
		return {
			file,
			subject: header('subject') || record.name,
			author: authorText(`${submitter.name ?? ''}`, `${submitter.email ?? ''}`),
			message: typeof content === 'string' ? content : '',
			diff: Buffer.from(typeof diff === 'string' ? `${diff}\n` : ''),
			headers: {
				messageId: ids(String(record.msgid ?? ''))[0],
				answers: ids(`${header('in-reply-to')} ${header('references')}`),
				isFlowed: /format\s*=\s*"?flowed/i.test(header('content-type')),
			},
		};
	});
}
