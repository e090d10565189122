import * as v from 'valibot';
import { type ChangeKind, type Comparison, changeKinds } from '../../src/compare/index.ts';
import type { Shape } from '../../src/lib/index.ts';
import { cellStatuses } from '../../src/run/index.ts';

/*
 * Shapes of what commands print and write beside a run. The types beside the code and these are checked against each other by
 * the compiler, and what is written against the published schemas by test/schemas.
 */

const status = v.nullable(v.picklist(cellStatuses));
const { string: text, number } = v;
const texts = v.array(v.string());
const kind = v.picklist(changeKinds);

const side = v.looseObject({
	...{ runs: number(), cells: number(), vpmu: texts },
	qemus: v.array(v.looseObject({ name: text(), version: v.nullable(text()) })),
	hosts: v.array(v.looseObject({ place: text(), kernels: texts })),
});

/** `vpmu compare --format json`. */
export const comparisonShape: Shape<Comparison> = v.looseObject({
	schema: v.literal('vpmu-comparison/1'),
	...{ before: side, after: side },
	groups: v.array(
		v.looseObject({
			...{ kind, why: text(), where: text(), cells: texts, population: number() },
			...{ outcome: v.record(text(), number()), simulated: texts },
			...{ finding: v.optional(text()), repro: v.optional(text()) },
		}),
	),
	changes: v.array(v.looseObject({ id: text(), kind, before: status, after: status, what: text(), why: text() })),
	...{ same: number(), sameFailing: number(), regressions: number() },
	counts: v.looseObject(Object.fromEntries(changeKinds.map(one => [one, number()])) as KindEntries),
	measurements: v.array(
		v.looseObject({
			...{ what: text(), place: text(), cells: number(), values: v.looseObject({ before: number(), after: number() }) },
			state: v.picklist(['not-enough', 'unchanged', 'changed']),
			...{ ratio: number(), probability: number(), needed: v.optional(number()) },
			changed: v.array(v.looseObject({ id: text(), before: number(), after: number() })),
		}),
	),
	notes: texts,
});

type KindEntries = Record<ChangeKind, v.NumberSchema<undefined>>;

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
