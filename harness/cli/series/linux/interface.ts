import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder, VpmuError } from '../../../../src/lib/index.ts';
import type { Conformance } from '../../../../src/pmu/index.ts';
import { type KernelAnswers, unaskedAfter } from '../../../../src/report/index.ts';
import { parseOn } from '../../../plan/select.ts';
import type { CommandContext } from '../../../usage/context.ts';
import { conformanceOf } from '../../facts/conformance/ask.ts';
import { resourcesFor } from '../../resources.ts';
import { answerOrWhy } from '../runs.ts';

/** What a kernel's KVM answered; or why it could not be asked. */
export type Asked = Conformance | { readonly unasked: string };

/**
 * Asks the KVM of a board's kernel (`vpmu probe --conformance`), and keeps the answers in the folder of that side. On any board
 * (`--on board`) this is the one with two PMUs.
 */
export async function askInterface(
	context: CommandContext,
	{ image, kernel }: { readonly image: string; readonly kernel: string },
	on: string,
	to: string,
): Promise<Asked> {
	// With the guests' kernel of the run, its board is the one that the run will use: one snapshot for both.
	await using resources = resourcesFor(context, kernel, image);
	const place = parseOn(on);
	const ask = async () => {
		const host = await resources.host(place.startsWith('board:') ? place : 'board:biglittle');
		return await conformanceOf(host, context.signal);
	};
	const found = await answerOrWhy(ask());
	if (found instanceof VpmuError) return { unasked: found.message };
	await makeFolder(to);
	await writeFile(path.join(to, 'conformance.json'), `${JSON.stringify(found, null, 2)}\n`);
	return found;
}

/** Compares what KVM answered before and after a series. */
export function interfaceChange(before: Asked, after: Asked): KernelAnswers {
	if ('unasked' in before) return { worse: [], changed: [], unasked: `before the series: ${before.unasked}` };
	if ('unasked' in after) return { worse: [], changed: [], unasked: `${unaskedAfter}${after.unasked}` };
	const earlier = new Map(before.checks.map(check => [check.id, check]));
	const worse = after.checks.filter(
		({ id, status }) => status === 'deviates' && earlier.get(id)?.status !== 'deviates',
	);
	const changed = after.checks.flatMap(({ id, expected, status, observed }) => {
		const old = earlier.get(id);
		if (old === undefined || old.observed === observed) return [];
		const bothCount = expected === 'more than 0' && status === 'as-ruled' && old.status === 'as-ruled';
		const isCycles = id === 'default.counts' || id === 'default.elsewhere';
		return bothCount || isCycles ? [] : [`${id}: ${old.observed ?? 'not asked'} -> ${observed ?? 'not asked'}`];
	});
	const logs = (after.kernelLog?.length ?? 0) > (before.kernelLog?.length ?? 0) ? ['kernel-log'] : [];
	return { worse: [...worse.map(({ id }) => id), ...logs], changed, unasked: null };
}
