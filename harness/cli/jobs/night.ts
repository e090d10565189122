import { quoteCommand } from '../../../src/lib/index.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { nightlyOptions } from './options.ts';

/** What comes after the parts of a nightly run. */
export interface NightPlan {
	/** The git tree of what is under test. */
	readonly tree?: string | undefined;
	/** Lines of shell that build a commit of it. */
	readonly build: readonly string[];
	/** A line of shell that posts what is new. */
	readonly post?: string | undefined;
}

/** Folders of a set's merged run and of its news. */
export const foldersOf = (name: string) => ({ run: `vpmu-run/${name}`, night: `vpmu-night/${name}` });

type Given = { readonly [name in keyof typeof nightlyOptions]: string | boolean | readonly string[] | undefined };

/** Reads the options of a nightly run; `undefined` if it is none. */
export function readNight(given: Given, isNightly = given.night === true): NightPlan | undefined {
	const { tree, build, post } = given as { tree?: string; build?: readonly string[]; post?: string };
	return isNightly ? { tree, build: build ?? [], post } : undefined;
}

/** What a script of a night needs to know of its set. */
export interface NightScript extends NightPlan {
	readonly name: string;
	/** How vpmu is called. */
	readonly vpmu: string;
	/** The command that joins the parts, without its parts and options. */
	readonly passed: string;
	/** Lines that run new failures again where this machine cannot; they may call `judge` with further options. */
	readonly again?: readonly string[] | undefined;
}

/**
 * Makes the script that every engine runs after the parts of a nightly run: it joins them, tells what is new, bisects it and
 * posts it. Its arguments are the folders of the parts. Pure.
 */
export function nightScript({ name, vpmu, passed, tree, build, post, again }: NightScript): string {
	const { run, night } = foldersOf(name);
	const bisect = tree === undefined ? [] : ['--tree', tree, ...build.flatMap(line => ['--build', line])];
	const judge = `${vpmu} history night ${run} ${quoteCommand(['--out', night, '--name', name, ...bisect])} ${passed}`;
	return `#!/bin/sh
# Joins the parts of '${name}', whose folders are the arguments; tells what is new, bisects it, and posts it.
set -u
# What earlier nights were like.
: "\${VPMU_STATE:=$PWD/vpmu-state}"
export VPMU_STATE
# Nobody looks at a night without news.
tell() { echo "${name}: $1 (exit status $status)" | tee ${night}/new.txt > ${night}/new.md; }
judge() {
	status=0
	${judge} "$@" || status=$?
}
rm -rf ${run} ${night}
mkdir -p ${night}
status=0
${vpmu} merge "$@" --out ${run} || status=$?
if [ -e ${run}/results.json ]; then
	judge${again === undefined ? '' : ` --later\n${again.map(line => `\t${line}`).join('\n')}`}
	case $status in ${exitCodes.asPredicted}|${exitCodes.failed}|${exitCodes.infrastructure}) ;; *) [ -e ${night}/new.md ] || tell 'the run cannot be judged' ;; esac
	if [ -e ${night}/bisect.sh ]; then sh ${night}/bisect.sh || echo "a bisection did not end with a commit" >&2; fi
else
	tell 'no verdict: the parts cannot be merged'
fi
${
	post === undefined
		? ''
		: `if [ -e ${night}/new.md ]; then
	export VPMU_NEWS=${night}/new.md VPMU_MAIL=${night}/new.txt
	{ ${post}
	} || {
		echo "${name}: what is new was not posted (exit status $?)" >&2
		[ $status != ${exitCodes.asPredicted} ] || status=${exitCodes.infrastructure}
	}
fi
`
}exit $status
`;
}
