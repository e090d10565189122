import type { ChangeGroup } from '../../compare/index.ts';
import { quoteCommand, quoteWord } from '../../lib/text/quote.ts';
import { isUrgent } from '../comparison/document.ts';
import type { KernelTrial, SeriesVerdict } from './verdict.ts';

/** The command that inspects both builds again. */
export const inspectCommand = ({ before, after }: Pick<SeriesVerdict, 'before' | 'after'>) => [
	...['npx', 'vpmu', 'inspect', '--qemu', before.program, '--diff', after.program],
];

/** The command that asks the KVM of the patched kernel again, on the board with two PMUs, which is the default. */
const kvmCommand = ({ after }: KernelTrial) => [
	...['npx', 'vpmu', 'probe', '--conformance', '--on', 'board:biglittle', '--board-kernel', after.program],
];

/** Names the scripts that show changes, by group: `F8`, or `r1` for one that is not a known finding. */
function namesOf({ groups }: SeriesVerdict['comparison']): Map<ChangeGroup, string> {
	const names = new Map<ChangeGroup, string>();
	for (const group of groups.filter(one => isUrgent(one) && one.repro !== undefined)) {
		const taken = new Set(names.values());
		const known = group.finding !== undefined && !taken.has(group.finding) ? group.finding : undefined;
		names.set(group, known ?? `r${names.size + 1}`);
	}
	return names;
}

/** Returns a short command that shows a change; absent if none of its cells can be repeated. */
export function repeatCommand(
	verdict: SeriesVerdict,
	group: ChangeGroup | 'builds' | 'kvm',
): readonly string[] | undefined {
	const name = typeof group === 'string' ? group : namesOf(verdict.comparison).get(group);
	return name === undefined ? undefined : ['sh', `${verdict.out}/repeat/${name}.sh`];
}

/** Returns the scripts in the folder `repeat` by name; each shows one regression. */
export function repeatScripts(verdict: SeriesVerdict): Readonly<Record<string, string>> {
	const cells = [...namesOf(verdict.comparison)].map(([group, name]) => [
		`${name}.sh`,
		`#!/bin/sh\nexec sh "$(dirname "$0")"/../after/${quoteWord(group.repro!)} "$@"\n`,
	]);
	const { kernel, tree } = verdict;
	const script = (command: readonly string[]) => `#!/bin/sh\nexec ${quoteCommand(command)} "$@"\n`;
	return {
		...(tree === 'linux' ? {} : { 'builds.sh': script(inspectCommand(verdict)) }),
		...(kernel === undefined || kernel.answers === null ? {} : { 'kvm.sh': script(kvmCommand(kernel)) }),
		...Object.fromEntries(cells),
	};
}
