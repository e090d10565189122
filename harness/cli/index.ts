import type { World } from '../usage/context.ts';
import { invoke } from './application.ts';
import { cache } from './cache/commands.ts';
import type { Commands } from './command.ts';
import { completionOf } from './completion.ts';
import { inspect, predict, probe, qmp } from './facts/commands.ts';
import { kept, list, plan, run, shell } from './guests/commands.ts';
import { history } from './history/commands.ts';
import { jobs } from './jobs/commands.ts';
import { kcidb } from './kcidb/commands.ts';
import { kernel } from './kernel/commands.ts';
import { compare, merge, report } from './results/commands.ts';
import { series } from './series/commands.ts';
import { bench, boards, doctor, image } from './upkeep/commands.ts';

/** Every command, in the order in which the help and README.md list them. What they do is loaded only when they are called. */
export const commands: Commands = {
	...{ run, list, plan, probe, predict, qmp, inspect, shell },
	...{ board: boards, image, kernel, kept, series },
	...{ jobs, merge, compare, report, history, cache, kcidb, bench, doctor, completion: completionOf(() => commands) },
};

/** Reads a command line of vpmu and does what it says. Returns the exit status. @throws what the command throws */
export function runCommandLine(argv: readonly string[], world: World): Promise<number> {
	return invoke(commands, argv, world);
}
