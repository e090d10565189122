import { UsageError } from '../lib/errors.ts';
import type { MailHeaders } from './headers.ts';
import { type PatchSubject, parseSubject } from './subject.ts';
import { parseSeriesBase, type SeriesBase } from './trailers.ts';

/** One mail, decoded, or one diff that came without a mail. */
export interface PatchMail {
	/** The file that it came in, as the user named it. */
	readonly file: string;
	/** Decoded; empty for a bare diff. */
	readonly subject: string;
	readonly author: string;
	/** What stands before the diff. */
	readonly message: string;
	/** From the diff on, in bytes as `git apply` takes them; empty where there is none. */
	readonly diff: Buffer;
	readonly headers: MailHeaders;
}

/** One patch of a series, in its place. */
export interface Patch {
	readonly file: string;
	/** Without what stands in front in brackets. */
	readonly title: string;
	readonly author: string;
	readonly message: string;
	readonly diff: Buffer;
	readonly part: number | undefined;
	readonly isFlowed: boolean;
}

/** What is applied, in order, and what was left out. */
export interface PatchSeries {
	/** Title of the cover letter, else of the first patch. */
	readonly title: string;
	readonly version: number;
	/** Text of the cover letter. */
	readonly cover: string | undefined;
	readonly patches: readonly Patch[];
	readonly base: SeriesBase;
	/** Message-Ids of its mails, in order; empty for bare diffs. */
	readonly messageIds: readonly string[];
	/** What a reader should know: replies left out, older versions, missing parts. One sentence each. */
	readonly notes: readonly string[];
}

interface Member extends PatchMail {
	readonly parsed: PatchSubject;
	readonly index: number;
}

interface Group {
	readonly version: number;
	readonly thread: string;
	readonly total: number | undefined;
	readonly members: Member[];
}

/**
 * Makes series out of mails, as b4 does: replies are not part of them, the newest version of a series wins, and what it does not send
 * again of the version before is taken from there. Several series stay in the order in which they were given.
 *
 * @throws UsageError where no patch is left
 */
export function selectSeries(mails: readonly PatchMail[]): PatchSeries[] {
	const members = mails.map((mail, index): Member => ({ ...mail, index, parsed: parseSubject(mail.subject) }));
	const notes: string[] = [];
	const isMailed = members.some(({ parsed }) => parsed.isPatch);
	const seen = new Set<string>();
	const sent = members.filter(member => {
		const { parsed, headers, file, diff } = member;
		if (headers.messageId !== undefined) {
			if (seen.has(headers.messageId)) return false;
			seen.add(headers.messageId);
		}
		const isAnswer = parsed.isReply || (!parsed.isPatch && isMailed && headers.answers.length > 0);
		if (isAnswer && diff.length > 0) {
			notes.push(
				`left out: '${member.subject}' by ${member.author} in '${file}' is a reply, so its diff is not part of the series`,
			);
		}
		return !isAnswer;
	});
	const current = withoutOlder(grouped(sent), notes);
	const series = current.flatMap(seriesOf);
	if (series.length === 0) {
		const names = [...new Set(mails.map(mail => `'${mail.file}'`))].join(', ');
		throw new UsageError(
			`no patch in ${names}; allowed: mails with a diff (git format-patch, mbox, .eml, patchwork JSON), or the output of 'git diff'`,
		);
	}
	return series.map((one, at) => (at === 0 ? { ...one, notes: [...notes, ...one.notes] } : one));
}

/** Messages of one thread: those that answer one another, whether the mail that joins them is here or not. */
function threadsOf(members: readonly Member[]): (member: Member) => string {
	const parent = new Map<string, string>();
	const find = (id: string): string => {
		let root = id;
		for (let up = parent.get(root); up !== undefined && up !== root; up = parent.get(root)) root = up;
		parent.set(id, root);
		return root;
	};
	for (const { headers } of members) {
		for (const other of headers.answers) {
			if (headers.messageId !== undefined) parent.set(find(headers.messageId), find(other));
		}
	}
	return ({ headers }) => {
		const id = headers.messageId ?? headers.answers[0];
		return id === undefined ? '' : find(id);
	};
}

function grouped(members: readonly Member[]): Group[] {
	const threadOf = threadsOf(members);
	const groups: Group[] = [];
	for (const member of members) {
		const { version, part, total, title } = member.parsed;
		const thread = threadOf(member);
		const own = groups.findLast(
			group =>
				part !== undefined &&
				group.version === version &&
				group.total === total &&
				(group.thread === thread || thread === ''),
		);
		const same = own?.members.find(other => other.parsed.part === part);
		if (own === undefined || (same !== undefined && same.parsed.title !== title)) {
			groups.push({ version, thread, total, members: [member] });
		} else if (same !== undefined) own.members[own.members.indexOf(same)] = member;
		else own.members.push(member);
	}
	return groups;
}

/** Drops versions of a series that a newer one replaces. */
function withoutOlder(groups: readonly Group[], notes: string[]): Group[] {
	const dropped = new Set<Group>();
	const kept = new Map<Group, Group>();
	for (const group of groups) {
		const newer = groups.filter(other => other.version > group.version && isSameSeries(other, group));
		const newest = newer.sort((a, b) => a.version - b.version).at(-1);
		if (newest === undefined) continue;
		dropped.add(group);
		kept.set(newest, withParts(kept.get(newest) ?? newest, group, notes));
		notes.push(
			`left out: version ${group.version} of '${titleOf(group)}', because version ${newest.version} was given too`,
		);
	}
	return groups.filter(group => !dropped.has(group)).map(group => kept.get(group) ?? group);
}

function isSameSeries(a: Group, b: Group): boolean {
	if (a.thread !== '' && a.thread === b.thread) return true;
	const ids = [a, b].map(group => parseSeriesBase(group.members.map(member => member.message)).changeId);
	if (ids[0] !== undefined && ids[1] !== undefined) return ids[0] === ids[1];
	const titles = new Set(a.members.map(member => member.parsed.title));
	const shared = b.members.filter(member => titles.has(member.parsed.title)).length;
	return shared * 2 >= Math.min(a.members.length, b.members.length);
}

/** A newer version that answers single patches of the older one sends only these again. */
function withParts(newer: Group, older: Group, notes: string[]): Group {
	if (newer.total === undefined || newer.total !== older.total) return newer;
	const answersSameParts = newer.members.every(member => {
		const was = older.members.find(other => other.parsed.part === member.parsed.part);
		return was?.headers.messageId !== undefined && member.headers.answers.includes(was.headers.messageId);
	});
	const present = new Set(newer.members.map(member => member.parsed.part));
	const missing = older.members.filter(member => !present.has(member.parsed.part));
	if (!answersSameParts || missing.length === 0) return newer;
	notes.push(
		`version ${newer.version} sends only ${listed(newer.members)} again; ${listed(missing)} taken from version ${older.version}`,
	);
	return { ...newer, members: [...newer.members, ...missing] };
}

const listed = (members: readonly Member[]) =>
	`patch ${members
		.map(member => member.parsed.part)
		.sort((a, b) => (a ?? 0) - (b ?? 0))
		.join(', ')}`;

/** What git puts into a cover letter that nobody has written. */
const placeholder = /^\*\*\* SUBJECT HERE \*\*\*$/;

const titleOf = (group: Group) => {
	const ordered = [...group.members].sort((a, b) => (a.parsed.part ?? 0) - (b.parsed.part ?? 0));
	const first = ordered.find(member => !placeholder.test(member.parsed.title)) ?? ordered[0]!;
	return first.parsed.title || first.subject || first.file;
};

function seriesOf(group: Group): PatchSeries[] {
	const ordered = [...group.members].sort((a, b) => (a.parsed.part ?? 0) - (b.parsed.part ?? 0) || a.index - b.index);
	const cover = ordered.find(member => member.parsed.part === 0);
	const patches = ordered.filter(member => member !== cover && member.diff.length > 0);
	if (patches.length === 0) return [];
	const parts = new Set(patches.map(member => member.parsed.part));
	const missing = Array.from({ length: group.total ?? 0 }, (_, at) => at + 1).filter(part => !parts.has(part));
	const own = missing.map(part => {
		const empty = ordered.find(member => member.parsed.part === part);
		return empty === undefined
			? `patch ${part} of ${group.total} of '${titleOf(group)}' is missing`
			: `patch ${part} of ${group.total} of '${titleOf(group)}' has no diff`;
	});
	return [
		{
			title: titleOf(group),
			version: group.version,
			cover: cover?.message,
			patches: patches.map(({ file, parsed, author, message, diff, headers }) => ({
				...{ file, title: parsed.title || file, author, message, diff, part: parsed.part, isFlowed: headers.isFlowed },
			})),
			base: parseSeriesBase(ordered.flatMap(member => [member.message, tailOf(member.diff)])),
			messageIds: ordered.flatMap(member => member.headers.messageId ?? []),
			notes: own,
		},
	];
}

/** What stands behind the last hunk: format-patch puts `base-commit` there. */
const tailOf = (diff: Buffer) => diff.subarray(-4096).toString('latin1');
