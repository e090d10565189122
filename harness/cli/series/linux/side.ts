import path from 'node:path';
import type { VpmuError } from '../../../../src/lib/index.ts';
import type { KernelUse } from '../../../../src/patch/index.ts';
import type { InspectionComparison } from '../../../../src/qemu/index.ts';
import { type Results, readResults } from '../../../../src/run/index.ts';
import { executeRun } from '../../../run/execute.ts';
import type { CommandContext } from '../../../usage/context.ts';
import { inspectBoth } from '../../facts/inspect.ts';
import { answerOrWhy, stops, takeOrRun } from '../runs.ts';
import type { Side } from '../sides/plan.ts';
import type { Stopped } from '../sides/run.ts';
import { type Asked, askInterface } from './interface.ts';
import type { BuiltPair, LinuxSeries } from './pair.ts';

/** What a side showed. */
export interface SeenSide {
	readonly results: Results;
	/** What its KVM answered; `undefined` if only guests have the kernel. */
	readonly asked: Asked | undefined;
	/** How its QEMU differs from the one before; an error if it could not be asked, `undefined` if it is the same. */
	readonly inspected: InspectionComparison | VpmuError | undefined;
	/** Says where the results come from if an earlier series has them. */
	readonly taken?: string | undefined;
}

/** How sides are run. */
export interface SideRuns extends Pick<LinuxSeries, 'requestFor'> {
	/** Its standard output is where the tables of the runs go. */
	readonly context: CommandContext;
	readonly out: string;
	readonly on: string | undefined;
	readonly use: KernelUse;
	/** QEMUs that the user names; those of a series come with the side. */
	readonly qemu: readonly string[] | undefined;
	readonly all: boolean;
	readonly built: BuiltPair;
	/** Run the cells without patches again, even if an earlier series has their results. */
	readonly fresh: boolean;
}

/**
 * Asks the KVM of a board with this side's kernel, inspects its QEMU, and runs the cells. A kernel that was asked for an earlier side
 * is not asked again.
 */
export async function runSide(
	{ context, out, on, use, qemu, all, requestFor, built, fresh }: SideRuns,
	{ folder, linux, qemu: program, isFirst }: Side,
	known: Map<string, Asked>,
): Promise<SeenSide | Stopped> {
	const { cwd } = context;
	const runFolder = path.join(out, folder);
	const image = linux!.program;
	const qemus = program === undefined ? qemu : [program.program];
	const request = requestFor({
		...(qemus === undefined ? {} : { qemu: qemus }),
		...(use === 'guest' ? {} : { 'board-kernel': image }),
		...(use === 'board' ? {} : { kernel: image }),
		...{ out: runFolder, all },
	});
	let asked = known.get(image);
	if (use !== 'guest' && asked === undefined) {
		asked = await askInterface(context, { image, kernel: request.kernel }, on ?? 'board', path.resolve(cwd, runFolder));
		known.set(image, asked);
	}
	const before = built.qemu?.before.program;
	const isChanged = before !== undefined && program !== undefined && program.program !== before;
	const inspected = isChanged ? await answerOrWhy(inspectBoth(context, before, program.program, on)) : undefined;
	if (isFirst) {
		const ran = await takeOrRun({ context, fresh }, { request, folder: runFolder });
		return 'stopped' in ran ? ran : { ...ran, asked, inspected };
	}
	const code = await executeRun(request, context);
	if (stops.includes(code)) return { stopped: code };
	return { results: readResults(path.resolve(cwd, runFolder)), asked, inspected };
}
