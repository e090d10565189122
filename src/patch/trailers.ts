/** What a series says of what it builds on. */
export interface SeriesBase {
	/** `base-commit:` of `git format-patch --base`; a full object name. */
	readonly baseCommit: string | undefined;
	/** `Based-on:` of QEMU's patch mails: message ids of series that must be applied first. */
	readonly basedOn: readonly string[];
	/** `prerequisite-patch-id:`, `prerequisite-change-id:`, `prerequisite-message-id:`, as they stand. */
	readonly prerequisites: readonly string[];
	/** b4's `change-id:`, the same for every version of a series. */
	readonly changeId: string | undefined;
}

/** Reads what `git format-patch --base`, b4 and QEMU's conventions put below a cover letter or a patch. */
export function parseSeriesBase(texts: readonly string[]): SeriesBase {
	let baseCommit: string | undefined;
	let changeId: string | undefined;
	const basedOn = new Set<string>();
	const prerequisites = new Set<string>();
	for (const text of texts) {
		for (const line of text.split('\n')) {
			const field = /^(base-commit|change-id|based-on|prerequisite-[a-z-]{1,40}):[ \t]*(\S.{0,998})/i.exec(line);
			if (field === null) continue;
			const [, name, value] = [field[0], field[1]!.toLowerCase(), field[2]!.trim()];
			if (name === 'base-commit') baseCommit ??= /^[0-9a-f]{7,64}/i.exec(value)?.[0];
			else if (name === 'change-id') changeId ??= value;
			else if (name === 'based-on') basedOn.add(value);
			else prerequisites.add(`${name}: ${value}`);
		}
	}
	return { baseCommit, basedOn: [...basedOn], prerequisites: [...prerequisites], changeId };
}
