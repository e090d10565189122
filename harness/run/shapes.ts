import * as v from 'valibot';
import type { Shape } from '../../src/lib/index.ts';
import { cellStatuses } from '../../src/run/index.ts';
import type { RunComparison } from './compare.ts';

/*
 * Shapes of what commands print and write beside a run. The types beside the code and these are checked against each other by
 * the compiler, and what is written against the published schemas by test/schemas.
 */

const status = v.nullable(v.picklist(cellStatuses));

/** `vpmu compare --json`. */
export const comparisonShape: Shape<RunComparison> = v.looseObject({
	changes: v.array(
		v.looseObject({
			id: v.string(),
			kind: v.picklist(['regression', 'improvement', 'change', 'only-before', 'only-after']),
			...{ before: status, after: status, what: v.string() },
		}),
	),
	same: v.number(),
	regressions: v.number(),
});

/** A QEMU that `vpmu series` built. */
const build = v.looseObject({ program: v.string(), version: v.string() });

/** `series.json`, and `vpmu series --json`; with `--build-only`, there is no comparison. */
export const seriesShape = v.looseObject({
	schema: v.literal('vpmu-series/1'),
	...{ before: build, after: build, exit: v.number() },
	out: v.optional(v.string()),
	comparison: v.optional(comparisonShape),
	why: v.optional(v.array(v.string())),
});
