/** One `@@` section of a diff. */
export interface Hunk {
	/** First line of the old text that it replaces, counted from 1; 0 for a new file. */
	readonly oldStart: number;
	/** The lines that must stand there: context and removed ones, without their marks. */
	readonly oldLines: readonly string[];
	/** How many context lines stand before the first changed line, and after the last. */
	readonly context: { readonly before: number; readonly after: number };
	/** What git prints behind the second `@@`. */
	readonly section: string;
}

/** What a diff does to one file. Names are relative to the tree, without the first component (`a/`, `b/`). */
export interface FileDiff {
	/** `undefined` for a new file. */
	readonly oldPath: string | undefined;
	/** `undefined` for a removed file. */
	readonly newPath: string | undefined;
	/** The mode that it gets, such as `100755` or `120000` for a link; undefined where it stays. */
	readonly newMode: string | undefined;
	/** Name of the blob that the patch was made for, as its `index` line has it, perhaps shortened. */
	readonly oldBlob: string | undefined;
	readonly isBinary: boolean;
	readonly hunks: readonly Hunk[];
}

const hunkStart = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)$/;

/**
 * Reads the file sections of a unified diff, with git's extended headers (git-diff(1), "Generating patch text"). Text between
 * sections is skipped, as `git apply` does. Never throws: what is damaged is for `git apply` to refuse.
 */
export function parseDiff(patch: string): FileDiff[] {
	const lines = patch.split('\n');
	const files: FileDiff[] = [];
	let at = 0;
	while (at < lines.length) {
		const line = lines[at]!;
		const isGit = line.startsWith('diff --git ');
		if (!isGit && !(line.startsWith('--- ') && lines[at + 1]?.startsWith('+++ '))) {
			at++;
			continue;
		}
		let [oldPath, newPath] = isGit ? gitNames(line) : [undefined, undefined];
		let [newMode, oldBlob]: (string | undefined)[] = [];
		let isBinary = false;
		if (isGit) at++;
		for (; at < lines.length; at++) {
			const header = lines[at]!;
			if (header.startsWith('diff --git ') || hunkStart.test(header) || (isBinary && header.startsWith('--- '))) break;
			if (header.startsWith('--- ') && lines[at + 1]?.startsWith('+++ ')) {
				oldPath = stripped(header.slice(4));
				newPath = stripped(lines[at + 1]!.slice(4));
				at += 2;
				break;
			}
			const [, name, value] =
				/^(rename from|rename to|copy from|copy to|new file mode|new mode|deleted file mode) (.*)$/.exec(header) ?? [
					undefined,
					'',
					'',
				];
			if (name === 'rename from' || name === 'copy from') oldPath = unquoted(value);
			else if (name === 'rename to' || name === 'copy to') newPath = unquoted(value);
			else if (name === 'new file mode') [oldPath, newMode] = [undefined, value];
			else if (name === 'new mode') newMode = value;
			else if (header.startsWith('index ')) oldBlob = /^index ([0-9a-f]{4,64})\.\./.exec(header)?.[1];
			else if (name === 'deleted file mode') newPath = undefined;
			else if (header === 'GIT binary patch' || /^Binary files .* differ$/.test(header)) isBinary = true;
			else if (!isBinary && !/^(old mode |(dis)?similarity index |literal |delta )/.test(header) && header !== '')
				break;
		}
		const hunks: Hunk[] = [];
		while (at < lines.length) {
			const start = hunkStart.exec(lines[at]!);
			if (start === null) break;
			at++;
			const oldLines: string[] = [];
			let [oldLeft, newLeft] = [Number(start[2] ?? 1), Number(start[4] ?? 1)];
			const context = { before: 0, after: 0 };
			let isChanged = false;
			for (; at < lines.length && (oldLeft > 0 || newLeft > 0); at++) {
				const body = lines[at]!;
				const mark = body[0] ?? ' ';
				if (mark === '\\') continue;
				if (mark !== ' ' && mark !== '-' && mark !== '+') break;
				if (mark !== '+') {
					oldLines.push(body.slice(1));
					oldLeft--;
				}
				if (mark !== '-') newLeft--;
				isChanged ||= mark !== ' ';
				if (!isChanged) context.before++;
				context.after = mark === ' ' ? context.after + 1 : 0;
			}
			if (lines[at]?.startsWith('\\ ')) at++;
			hunks.push({ oldStart: Number(start[1]), oldLines, context, section: start[5]! });
		}
		files.push({ oldPath, newPath, newMode, oldBlob, isBinary, hunks });
	}
	return files;
}

/** The two names of `diff --git a/X b/Y`; with blanks in them they are known only where both are the same. */
function gitNames(line: string): [string | undefined, string | undefined] {
	const rest = line.slice('diff --git '.length);
	const quoted = /^("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)$/.exec(rest);
	if (quoted !== null) return [stripped(quoted[1]!), stripped(quoted[2]!)];
	const half = (rest.length - 1) / 2;
	const [first, second] = [rest.slice(0, half), rest.slice(half + 1)].map(name => stripped(name));
	return first === second ? [first, second] : [undefined, undefined];
}

/** A name of a `---` or `+++` line without its date and first component; undefined for `/dev/null`. */
function stripped(field: string): string | undefined {
	const name = unquoted(field.replace(/\r$/, '').replace(/\t.*$/, ''));
	if (name === '/dev/null') return undefined;
	// An absolute name stays one, so that it can be refused.
	return name.startsWith('/') ? name : name.slice(name.indexOf('/') + 1);
}

const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' };

/** Undoes git's quoting of a name with odd characters (core.quotePath). */
function unquoted(field: string): string {
	if (!/^".*"$/.test(field)) return field;
	const bytes = field
		.slice(1, -1)
		.replace(/\\([0-7]{3}|.)/g, (_, escaped: string) =>
			/^[0-7]{3}$/.test(escaped)
				? String.fromCharCode(Number.parseInt(escaped, 8) & 255)
				: (escapes[escaped] ?? escaped),
		);
	return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * Why a file of a diff must not be touched, or `undefined`: names that are absolute, leave the tree by `..` or lie in `.git`.
 * Links are judged after applying, when their targets are known.
 */
export function refusalOf({ oldPath, newPath }: FileDiff): string | undefined {
	for (const name of [oldPath, newPath]) {
		if (name === undefined) continue;
		if (name.startsWith('/')) return `'${name}' is an absolute path`;
		if (name.includes('\0')) return `'${name}' contains a NUL character`;
		const parts = name.split('/');
		if (parts.includes('..')) return `'${name}' leads out of the tree`;
		if (parts.some(part => /^\.git[ .]*$/i.test(part) || /^git~\d+$/i.test(part))) return `'${name}' lies in '.git'`;
	}
	return undefined;
}
