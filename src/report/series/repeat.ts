import type { ChangeGroup } from '../../compare/index.ts';
import { quoteCommand, quoteWord } from '../../lib/quote.ts';
import { isUrgent } from '../comparison/document.ts';
import type { SeriesVerdict } from './verdict.ts';

/** The command that asks both builds again. */
export const inspectCommand = ({ before, after }: Pick<SeriesVerdict, 'before' | 'after'>) => [
	...['npx', 'vpmu', 'inspect', '--qemu', before.program, '--diff', after.program],
];

/** Names of the scripts that show a change, by its group: `F8`, or `r1` for one that is no known finding. */
function namesOf({ groups }: SeriesVerdict['comparison']): Map<ChangeGroup, string> {
	const names = new Map<ChangeGroup, string>();
	for (const group of groups.filter(one => isUrgent(one) && one.repro !== undefined)) {
		const taken = new Set(names.values());
		const known = group.finding !== undefined && !taken.has(group.finding) ? group.finding : undefined;
		names.set(group, known ?? `r${names.size + 1}`);
	}
	return names;
}

/** The command that shows a change, short enough to be typed; absent where no cell of it can be run again. */
export function repeatCommand(verdict: SeriesVerdict, group: ChangeGroup | 'builds'): readonly string[] | undefined {
	const name = group === 'builds' ? 'builds' : namesOf(verdict.comparison).get(group);
	return name === undefined ? undefined : ['sh', `${verdict.out}/repeat/${name}.sh`];
}

/** The scripts in the folder `repeat`, by their names: each shows one thing that is wrong. */
export function repeatScripts(verdict: SeriesVerdict): Readonly<Record<string, string>> {
	const cells = [...namesOf(verdict.comparison)].map(([group, name]) => [
		`${name}.sh`,
		`#!/bin/sh\nexec sh "$(dirname "$0")"/../after/${quoteWord(group.repro!)} "$@"\n`,
	]);
	return {
		'builds.sh': `#!/bin/sh\nexec ${quoteCommand(inspectCommand(verdict))} "$@"\n`,
		...Object.fromEntries(cells),
	};
}
