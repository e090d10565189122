/** What the subject of a mail says of its place in a series. */
export interface PatchSubject {
	/** `Re:`, `Aw:`, `Fwd:` or the like stands in front. */
	readonly isReply: boolean;
	/** A bracket names it a patch, such as `[PATCH RFC v3 2/5]` or `[RFC,v3]`. */
	readonly isPatch: boolean;
	/** 1 where no `vN` stands. */
	readonly version: number;
	/** Place in the series, 0 for the cover letter; undefined for a patch without a number. */
	readonly part: number | undefined;
	readonly total: number | undefined;
	/** The subject without what stands in front of it. */
	readonly title: string;
}

const reply = /^\s*(?:re|aw|antw|sv|vs|fwd?|wg|rv|tr|回复|答复)\s*(?:\[\d+\]|\(\d+\))?\s*[::]\s*/i;

const isPatchWord = (word: string) => /patch|^rfc$|^rft$|^v\d{1,4}$|^\d{1,4}\/\d{1,4}$/i.test(word);

/**
 * Reads the subject of a mail as `git format-patch` and patchwork write it.
 *
 * @param subject decoded and unfolded, such as `[PATCH RFC v3 1/3] target/arm/kvm: choose a PMU`
 */
export function parseSubject(subject: string): PatchSubject {
	let rest = subject.slice(0, 2000).trim();
	let isReply = false;
	const words: string[] = [];
	for (;;) {
		// Behind `[PATCH]` it is part of the title; behind a list's name it is not.
		const replied = words.some(isPatchWord) ? null : reply.exec(rest);
		if (replied !== null) {
			isReply = true;
			rest = rest.slice(replied[0].length);
			continue;
		}
		const bracket = /^\[([^[\]]*)\]\s*/.exec(rest);
		if (bracket === null) break;
		words.push(...bracket[1]!.split(/[\s,]+/).filter(word => word !== ''));
		rest = rest.slice(bracket[0].length);
	}
	const versionWord = words.find(word => /^(?:patch)?v\d{1,4}$/i.test(word));
	const numberWord = words.findLast(word => /^(?:patch)?\d{1,4}\/\d{1,4}$/i.test(word));
	const [part, total] =
		numberWord
			?.replace(/^patch/i, '')
			.split('/')
			.map(Number) ?? [];
	return {
		isReply,
		isPatch: words.some(isPatchWord),
		version: versionWord === undefined ? 1 : Number(/\d+$/.exec(versionWord)![0]),
		part,
		total,
		title: rest.replace(/\s+/g, ' ').trim(),
	};
}
