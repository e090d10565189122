import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder, VpmuError } from '../../../../src/lib/index.ts';
import type { Conformance } from '../../../../src/pmu/index.ts';
import { parseOn } from '../../../plan/select.ts';
import type { CommandContext } from '../../../usage/context.ts';
import { conformanceOf } from '../../facts/conformance/ask.ts';
import { selftestsBeside } from '../../facts/conformance/selftests.ts';
import { resourcesFor } from '../../resources.ts';

/** What a kernel's KVM answered; or why it could not be asked. */
export type Asked = Conformance | { readonly unasked: string };

/** What the KVM of the kernels before and after a series answered, without cells. */
export interface InterfaceChange {
	/** Ids of checks that deviate after the series, and did not before; `kernel-log` for what the kernel logs. */
	readonly worse: readonly string[];
	/** Checks whose answer is another one, as `ID: BEFORE -> AFTER`; those that count are left out, as long as they count. */
	readonly changed: readonly string[];
	/** Why one of the kernels could not be asked; `null` if both were. */
	readonly unasked: string | null;
}

/**
 * Asks the KVM of a board's kernel (`vpmu probe --conformance`), and keeps the answers in the folder of that side. On any board
 * (`--on board`) this is the one with two PMUs.
 */
export async function askInterface(context: CommandContext, image: string, on: string, to: string): Promise<Asked> {
	await using resources = resourcesFor(context, 'debian:trixie', image);
	const place = parseOn(on);
	try {
		const host = await resources.host(place.startsWith('board:') ? place : 'board:biglittle');
		const found = await conformanceOf(host, context.signal, selftestsBeside(image));
		await makeFolder(to);
		await writeFile(path.join(to, 'conformance.json'), `${JSON.stringify(found, null, 2)}\n`);
		return found;
	} catch (error) {
		if (!(error instanceof VpmuError)) throw error;
		return { unasked: error.message };
	}
}

/** How the sentence begins that says why the later kernel could not be asked. */
export const afterwards = 'after the series: ';

/** Compares what KVM answered before and after a series. */
export function interfaceChange(before: Asked, after: Asked): InterfaceChange {
	if ('unasked' in before) return { worse: [], changed: [], unasked: `before the series: ${before.unasked}` };
	if ('unasked' in after) return { worse: [], changed: [], unasked: `${afterwards}${after.unasked}` };
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
