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
	qemus: v.array(
		v.looseObject({ name: text(), version: v.nullable(text()), hasPmuChoice: v.exactOptional(v.boolean()) }),
	),
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
			...{ finding: v.optional(text()), repro: v.optional(text()), qemu: text(), place: text() },
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

/** A QEMU, or an Image of Linux, that `vpmu series` built. */
const build = v.looseObject({ program: v.string(), version: v.string() });

const applied = v.looseObject({
	...{ title: text(), version: number(), author: text(), notes: texts },
	patches: v.array(v.looseObject({ title: text(), author: text(), files: texts })),
	...{ changeId: v.optional(text()), baseCommit: v.optional(text()), to: v.optional(text()) },
});

const tried = v.looseObject({
	cells: v.record(v.picklist(cellStatuses), number()),
	...{ real: number(), board: number(), tcg: number() },
	...{ simulated: v.record(text(), number()), hosts: texts },
});

/** `series.json`, and `vpmu series --json`; with `--build-only`, it has the builds and nothing more. */
export const seriesShape = v.looseObject({
	schema: v.literal('vpmu-series/1'),
	...{ before: build, after: build, exit: number() },
	...{ out: v.optional(text()), vpmu: v.optional(text()), source: v.optional(text()) },
	series: v.optional(v.array(applied)),
	builds: v.nullish(
		v.looseObject({
			...{ holds: v.nullable(v.boolean()), reason: text(), breaking: texts },
			findings: v.array(v.looseObject({ severity: v.picklist(['regression', 'difference']), text: text() })),
		}),
	),
	comparison: v.optional(comparisonShape),
	tree: v.optional(v.picklist(['qemu', 'linux', 'both'])),
	kernel: v.optional(
		v.looseObject({
			...{ as: v.picklist(['board', 'guest', 'both']), source: text(), before: build, after: build },
			answers: v.nullable(v.looseObject({ worse: texts, changed: texts, unasked: v.nullable(text()) })),
		}),
	),
	findings: v.optional(
		v.array(
			v.looseObject({
				...{ finding: text(), text: text(), cells: texts, seenIn: v.optional(number()) },
				state: v.picklist(['shows', 'fixed', 'gone', 'not-tried']),
			}),
		),
	),
	claims: v.optional(
		v.array(
			v.looseObject({
				...{ text: text(), where: text(), cells: texts, against: texts },
				state: v.picklist(['holds', 'fails', 'not-tried']),
			}),
		),
	),
	...{ tried: v.optional(tried), passes: v.nullish(v.boolean()), why: v.optional(texts), tester: v.optional(text()) },
});
