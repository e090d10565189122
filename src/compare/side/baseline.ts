import * as v from 'valibot';
import { blames } from '../../lib/errors.ts';
import type { Shape } from '../../lib/files/stored.ts';
import { isLost } from '../../run/fold.ts';
import { cellStatuses } from '../../run/results.ts';
import type { Side, SideCell } from './side.ts';

/** A side that users commit: results of runs, without what is specific to this machine. */
export interface Baseline extends Side {
	readonly schema: 'vpmu-baseline/1';
}

const text = v.string();
const textOrNull = v.nullable(text);
const backend = { backend: text, type: v.optional(v.number()), name: v.optional(text) };
const status = v.picklist(cellStatuses);

/** Makes the file that `vpmu compare --write-baseline` writes. */
export const baselineShape: Shape<Baseline> = v.looseObject({
	...{ schema: v.literal('vpmu-baseline/1'), runs: v.pipe(v.number(), v.integer(), v.minValue(1)) },
	qemus: v.array(v.looseObject({ name: text, version: textOrNull, hasPmuChoice: v.exactOptional(v.boolean()) })),
	hosts: v.array(v.looseObject({ place: text, kernels: v.array(text) })),
	vpmu: v.array(text),
	cells: v.array(
		v.looseObject({
			id: text,
			identity: v.looseObject({ case: text, place: text, qemu: text, machine: text, axes: v.array(text) }),
			...{ statuses: v.array(status), status, reason: textOrNull, blame: v.nullable(v.picklist(blames)) },
			predicted: v.nullable(v.looseObject({ ...backend, rule: text })),
			observed: v.nullable(v.looseObject(backend)),
			...{ simulated: v.array(text), isFlaky: v.boolean() },
			measured: v.record(text, v.array(v.pipe(v.number(), v.finite(), v.minValue(0)))),
		}),
	),
});

/** Values kept per quantity: enough for any test, in a file that can be reviewed. */
const mostValues = 20;

/**
 * Writes a side as a baseline: JSON with one cell per line, sorted by id, so that a diff of two versions shows the
 * cells that changed. Cells that the infrastructure or an interrupt kept from their verdict are left out.
 */
export function baselineText({ cells, ...side }: Side): string {
	const sorted = cells.filter(cell => !isLost(cell)).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
	const head = Object.entries({ schema: 'vpmu-baseline/1', ...side }).map(
		([name, value]) => `\t${JSON.stringify(name)}: ${JSON.stringify(value)},\n`,
	);
	return `{\n${head.join('')}\t"cells": [\n${sorted.map(cell => `\t\t${JSON.stringify(lasting(cell))}`).join(',\n')}\n\t]\n}\n`;
}

function lasting({ repro: _, measured, ...cell }: SideCell): SideCell {
	const least = Object.entries(measured).map(([what, values]) => [what, values.slice(-mostValues)] as const);
	return { ...cell, measured: Object.fromEntries(least) };
}
