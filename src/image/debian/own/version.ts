/**
 * Compares two versions of Debian packages (deb-version(7)). Negative if `a` is older, 0 if they are equal, positive if it is newer.
 */
export function compareVersions(a: string, b: string): number {
	const [one, two] = [parts(a), parts(b)];
	return one.epoch - two.epoch || comparePart(one.upstream, two.upstream) || comparePart(one.revision, two.revision);
}

function parts(version: string): { epoch: number; upstream: string; revision: string } {
	const [, epoch, rest = version] = /^(\d{1,9}):(.*)$/s.exec(version) ?? [];
	const dash = rest.lastIndexOf('-');
	return {
		epoch: Number(epoch ?? 0),
		upstream: dash === -1 ? rest : rest.slice(0, dash),
		// A missing revision equals 0.
		revision: dash === -1 ? '' : rest.slice(dash + 1),
	};
}

/** `~` sorts before the end, the end before letters, and letters before everything else. */
function weight(character: string | undefined): number {
	if (character === undefined || isDigit(character)) return 0;
	if (character === '~') return -1;
	const code = character.charCodeAt(0);
	return /[A-Za-z]/.test(character) ? code : code + 256;
}

const isDigit = (character: string | undefined) => character !== undefined && character >= '0' && character <= '9';

function comparePart(a: string, b: string): number {
	let [i, j] = [0, 0];
	while (i < a.length || j < b.length) {
		while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
			const difference = weight(a[i]) - weight(b[j]);
			if (difference !== 0) return difference;
			i++;
			j++;
		}
		const [first, second] = [digits(a, i), digits(b, j)];
		i += first.length;
		j += second.length;
		const [left, right] = [first.replace(/^0+/, ''), second.replace(/^0+/, '')];
		if (left.length !== right.length) return left.length - right.length;
		if (left !== right) return left < right ? -1 : 1;
	}
	return 0;
}

function digits(text: string, from: number): string {
	let end = from;
	while (isDigit(text[end])) end++;
	return text.slice(from, end);
}

export type Relation = '<<' | '<=' | '=' | '>=' | '>>';

/** Whether a version is in a relation to another one, such as `>= 2.36`. */
export function satisfies(version: string, relation: Relation, other: string): boolean {
	const order = compareVersions(version, other);
	switch (relation) {
		case '<<':
			return order < 0;
		case '<=':
			return order <= 0;
		case '=':
			return order === 0;
		case '>=':
			return order >= 0;
		case '>>':
			return order > 0;
	}
}
