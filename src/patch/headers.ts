/** The headers of a mail that say where it belongs. */
export interface MailHeaders {
	/** Without angle brackets; undefined where the mail has none. */
	readonly messageId: string | undefined;
	/** The messages that this one answers, from `In-Reply-To` and `References`. */
	readonly answers: readonly string[];
	/** Sent as `format=flowed` (RFC 3676), which lets mail programs wrap lines. */
	readonly isFlowed: boolean;
}

/** Headers are short; what is longer than this is not read. */
const headersMax = 256 * 1024;

/**
 * Reads the headers of one mail, folded lines joined (RFC 5322, section 2.2.3), up to the first blank line.
 *
 * @param mail one message as it came; a line `From …` of a mailbox may stand first
 */
export function parseHeaders(mail: Uint8Array): MailHeaders {
	const text = Buffer.from(mail.buffer, mail.byteOffset, Math.min(mail.byteLength, headersMax)).toString('latin1');
	const fields = new Map<string, string>();
	let name = '';
	for (const line of text.split(/\r?\n/)) {
		if (line === '') break;
		if (/^[ \t]/.test(line)) {
			if (name !== '') fields.set(name, `${fields.get(name)} ${line.trim()}`);
			continue;
		}
		const colon = line.indexOf(':');
		name = colon > 0 && !/[ \t]/.test(line.slice(0, colon)) ? line.slice(0, colon).toLowerCase() : '';
		if (name !== '') fields.set(name, line.slice(colon + 1).trim());
	}
	const ids = (field: string) => [...(fields.get(field) ?? '').matchAll(/<([^<>\s]{1,998})>/g)].map(match => match[1]!);
	return {
		messageId: ids('message-id')[0],
		answers: [...new Set([...ids('in-reply-to'), ...ids('references')])],
		isFlowed: /;\s*format\s*=\s*"?flowed/i.test(fields.get('content-type') ?? ''),
	};
}
