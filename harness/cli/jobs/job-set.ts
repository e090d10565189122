import path from 'node:path';
import { quoteCommand, UsageError } from '../../../src/lib/index.ts';
import { type PlanFile, planFileOf } from '../../plan/plan-file.ts';
import { durationsOfRun, storedDurations } from '../../plan/shards.ts';
import { planRun } from '../../run/request/request.ts';
import type { CommandContext } from '../../usage/context.ts';
import { version } from '../../usage/places.ts';
import { type Given, nothingGiven } from '../command.ts';
import { runOptions } from '../guests/options.ts';
import { requestOf } from '../guests/run.ts';
import { foldersOf, type NightPlan, nightScript } from './night.ts';
import { passedWords, planWords, type SharedJobsOptions } from './options.ts';

/** Hosts of one kind, and the run that they share. */
export interface JobSet {
	/** Letters, digits, `.`, `_` and `-`. */
	readonly name: string;
	readonly tags: readonly string[];
	/** Number of parts. */
	readonly count: number;
	readonly plan: PlanFile;
	/** Path of the plan for jobs. */
	readonly planPath: string;
	/** Shell lines to run first. */
	readonly setup: readonly string[];
	/** The command of one part; `index` may be a shell variable. `out` must be set; that folder is removed before. */
	readonly part: (index: string, out: string, planPath?: string) => string;
	/** Shell code that joins all parts, with whatever else a night needs, and remembers the exit status. */
	readonly finish: (parts: readonly string[]) => string[];
	/** Folders that `finish` leaves. */
	readonly left: readonly [run: string, night?: string];
	/** Makes the script that `finish` calls; `undefined` if the run is not a nightly one. */
	readonly night?: ((again?: readonly string[]) => string) | undefined;
	readonly nightPath: string;
	/** The command that makes the plan again. */
	readonly replan: string;
	/** The options of a part, for a shell. */
	readonly passed: string;
	readonly vpmu: string;
	/** A command that reports a run folder. */
	readonly report: (run: string, format: string) => string;
}

/** Plans a run for each kind of host in the options. Starts nothing. @throws UsageError */
export async function jobSetsOf(
	context: CommandContext,
	{ options, positionals, argv }: Given<SharedJobsOptions>,
	nightly: NightPlan | undefined,
): Promise<JobSet[]> {
	if (options.on === 'auto') {
		throw new UsageError(
			"'auto' of option '--on' is not allowed here: a plan names hosts; allowed: local, board[:TOPOLOGY]",
		);
	}
	const folder = options.out ?? 'vpmu-jobs';
	const vpmu = options.vpmu ?? 'npx vpmu';
	const sets: JobSet[] = [];
	for (const { name, tags } of hostsOf(options.host ?? [])) {
		const on = options.on ?? (tags.includes('kvm') ? 'local' : 'board');
		const { host: _, shards, vpmu: _vpmu, setup = [], out: _out, durations: run, ...selecting } = options;
		const request = requestOf({ argv, positionals, options: { ...nothingGiven(runOptions), ...selecting, on } });
		// The machine that plans is not the one that runs.
		const { noKvm: _noKvm, ...selection } = request.selection;
		const { cells } = await planRun({ ...request, selection }, context);
		const count = shards ?? 1;
		const durations = run === undefined ? storedDurations(context.env) : durationsOfRun(run);
		const plan = planFileOf(cells, { ...{ vpmu: version, argv, count }, durations });
		const planPath = path.join(folder, `plan-${name}.json`);
		const passed = quoteCommand(passedWords({ ...options, on }));
		const nightPath = path.join(folder, `night-${name}.sh`);
		const left = foldersOf(name);
		const merge = (parts: readonly string[]) => attempt(`${vpmu} merge ${parts.join(' ')} --out ${left.run}`, left.run);
		sets.push({
			...{ name, tags, count, plan, planPath, setup, passed, vpmu, nightPath },
			replan: `${vpmu} plan ${quoteCommand([...positionals, ...planWords({ ...options, on }), '--shards', String(count), '--out', planPath])}`,
			part: (index, out, file = planPath) =>
				`${vpmu} run ${quoteCommand(['--plan', file])} --shard ${index}/${count} ${passed} --out ${out}`,
			...(nightly === undefined
				? { finish: merge, left: [left.run] }
				: {
						finish: parts => ['status=0', `sh ${quoteCommand([nightPath])} ${parts.join(' ')} || status=$?`],
						left: [left.run, left.night],
						night: again => nightScript({ ...nightly, ...{ name, vpmu, passed, again } }),
					}),
			report: (one, format) => `${vpmu} report ${one} --format ${format}`,
		});
	}
	return sets;
}

/** Parses repeatable `--host`. */
function hostsOf(given: readonly string[]): { name: string; tags: string[] }[] {
	if (given.length === 0) return [{ name: 'any', tags: [] }];
	const names = new Set<string>();
	return given.map(text => {
		const [, own, list = ''] =
			/^(?:([A-Za-z0-9][\w.-]*)=)?([A-Za-z0-9][\w.-]*(?:,[A-Za-z0-9][\w.-]*)*)$/.exec(text) ?? [];
		const tags = [...new Set(list.split(','))];
		const name = own ?? tags.join('-');
		if (list === '' || name.length > 60) {
			throw new UsageError(
				`'${text}' of option '--host' does not name hosts; allowed: [NAME=]TAG[,TAG...] of letters, digits, '.', '_' and '-', with a name of at most 60`,
			);
		}
		if (names.has(name)) {
			throw new UsageError(
				`'${text}' of option '--host': the name '${name}' is taken; allowed: NAME=TAGS with another name`,
			);
		}
		names.add(name);
		return { name, tags };
	});
}

/** Makes shell code that runs a command and remembers its exit status. Folders of an earlier attempt are removed. */
export function attempt(command: string, out: string): string[] {
	return [`rm -rf ${out}`, 'status=0', `${command} || status=$?`];
}

/** The numbers of the parts. */
export function indices({ count }: JobSet): number[] {
	return Array.from({ length: count }, (_, index) => index + 1);
}
