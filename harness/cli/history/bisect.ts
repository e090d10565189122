import path from 'node:path';
import type { CellHistory, JudgedNews } from '../../../src/history/index.ts';
import { quoteCommand } from '../../../src/lib/index.ts';
import { commandFile } from '../../usage/places.ts';

/** What a bisection needs besides the news. */
export interface BisectPlace {
	/** The folder in which the nightly run was started, and in which `build` is. */
	readonly cwd: string;
	/** The folder of `new.md` and `new.txt`. */
	readonly out: string;
	/** The git tree of what is under test. */
	readonly tree: string;
	/** Lines of shell that build a commit. */
	readonly build: readonly string[];
	/** The options of `vpmu run`. */
	readonly passed: readonly string[];
}

/** Bisections take hours: only one cell of a case, and this many cases. */
const mostBisections = 3;

/** Names of commits. A label may be any text. */
export const isRevision = (text: string | null): text is string => text !== null && /^\w[\w./-]{0,199}$/.test(text);

/** Cells to bisect: the first of each case that is confirmed. */
function candidates({ failures }: JudgedNews): CellHistory[] {
	const confirmed = failures.filter(({ again }) => again === 'confirmed').map(({ cell }) => cell);
	return [...Map.groupBy(confirmed, one => one.case).values()].map(cells => cells[0]!);
}

/** Why there is nothing to bisect although something is confirmed; `undefined` if nothing is, or if there is something. */
export function whyNoBisect(news: JudgedNews): string | undefined {
	const [first] = candidates(news);
	if (first === undefined || boundsOf(news).length > 0) return undefined;
	const { lastGood, firstBad } = first;
	if (lastGood === null) return `no run is known in which '${first.id}' was good`;
	const bad = [lastGood, firstBad!].find(({ run }) => !isRevision(run.revision));
	if (bad !== undefined) return `run ${bad.run.id} has no label 'commit' that names a commit`;
	return `'${first.id}' was good and failed with the same commit ${firstBad!.run.revision}`;
}

function boundsOf(news: JudgedNews): { cell: string; good: string; bad: string }[] {
	return candidates(news).flatMap(({ last, lastGood, firstBad }) => {
		const [good, bad] = [lastGood?.run.revision ?? null, firstBad?.run.revision ?? null];
		return isRevision(good) && isRevision(bad) && good !== bad ? [{ cell: last.cell, good, bad }] : [];
	});
}

/** Makes the script that bisects confirmed failures, each by its own cell; `undefined` if there is nothing to bisect. */
export function bisectScript(news: JudgedNews, { cwd, out, tree, build, passed }: BisectPlace): string | undefined {
	const bounds = boundsOf(news);
	if (bounds.length === 0) return undefined;
	const words = (...argv: string[]) => quoteCommand(argv);
	const git = words('git', '-C', path.resolve(cwd, tree));
	const shown = path.relative(cwd, out) || '.';
	const vpmu = words(process.execPath, commandFile, 'run', '--bisect', ...passed);
	const bisections = bounds.slice(0, mostBisections).map(({ cell, good, bad }, index) => {
		// A commit that does not build says nothing: git skips it. Lines may change the folder.
		const steps = build.length === 0 ? '' : `( ${build.join(' && ')} ) || exit 125; `;
		const step = `cd ${words(cwd)} || exit 128; ${steps}exec ${vpmu} ${words('--cell', cell)}`;
		return words('bisect', String(index + 1), cell, good, bad, step);
	});
	const left = bounds.length - bisections.length;
	return `#!/bin/sh
# Bisects new failures of run ${news.run.id}, and adds the first bad commit of each to new.md and new.txt.
set -u
cd ${words(cwd)} || exit 69
out=${words(shown)}
status=0
tell() {
	printf '%s\\n' "$1"
	printf '\\n%s\\n' "$1" >> "$out/new.txt"
	# Names of commits are text of others: a block of code shows them as they are.
	printf '\\n    %s\\n' "$1" >> "$out/new.md"
}
bisect() {
	log=$out/bisect-$1.log
	if ${git} bisect start "$4" "$3" > "$log" 2>&1 && ${git} bisect run sh -c "$5" >> "$log" 2>&1; then
		tell "$2: first bad commit $(${git} show --no-patch --format='%h %s (%an, %as)' refs/bisect/bad | tr -d '\\000-\\037\\177')"
	else
		tell "$2: no first bad commit was found between $3 and $4; $log says why"
		status=69
	fi
	${git} bisect reset >> "$log" 2>&1
}
${bisections.join('\n')}
${left === 0 ? '' : `tell ${words(`${left} more new ${left === 1 ? 'failure was' : 'failures were'} not bisected`)}\n`}exit $status
`;
}
