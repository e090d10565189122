import * as v from 'valibot';
import { blames } from '../lib/errors.ts';
import type { Shape } from '../lib/files/stored.ts';
import { cellPhases, type RunEvent } from './events.ts';
import { cellStatuses, pointStates, type Results, selftestStates } from './results.ts';

/*
 * Shapes of the files in a run folder: the types of results.ts and events.ts in a form that can be checked. A member that may
 * be `null` may also be absent, as in results written by other programs.
 */

const text = v.string();
const textOrNull = v.nullish(text, null);
const flagOrNull = v.nullish(v.boolean(), null);
const number = v.number();
const numberOrNull = v.nullish(number, null);
const moment = v.pipe(
	text,
	v.check(
		value => Number.isFinite(Date.parse(value)),
		() => 'not a moment',
	),
);
const status = v.picklist(cellStatuses);
const blame = v.nullish(v.picklist(blames), null);
const accel = v.picklist(['kvm', 'tcg']);

const ownEntries = {
	...{ id: text, startedAt: moment, argv: v.array(text), vpmu: text },
	vpmuCommit: v.exactOptional(text),
	runner: v.exactOptional(v.record(text, text)),
	labels: v.exactOptional(v.record(text, text)),
};
const runEntries = {
	...ownEntries,
	shard: v.exactOptional(v.looseObject({ index: number, count: number, division: text })),
	parts: v.exactOptional(v.array(v.looseObject({ ...ownEntries, index: number, durationMs: number }))),
};

const packages = v.exactOptional(
	v.array(
		v.looseObject({
			...{ suite: text, architecture: text, packages: v.array(text), resolvedAt: moment },
			...{ suites: v.array(text), absent: v.array(text) },
		}),
	),
);

const backend = { backend: text, type: v.optional(number), name: v.optional(text) };

const kernelLog = v.nullish(
	v.looseObject({
		unread: textOrNull,
		reports: v.array(v.looseObject({ name: text, lines: v.array(text) })),
		known: v.array(v.looseObject({ name: text, line: text, reason: text })),
		lastLines: v.exactOptional(v.array(text)),
	}),
	null,
);

const cellResult = v.looseObject({
	...{ id: text, case: text, status, reason: textOrNull, blame },
	on: v.optional(v.looseObject({ host: textOrNull, topology: textOrNull, kernel: textOrNull }), {}),
	qemu: v.optional(v.looseObject({ version: textOrNull, path: textOrNull, hasPmuChoice: flagOrNull }), {}),
	kernels: v.exactOptional(v.looseObject({ guest: v.looseObject({ source: text, release: text }), board: textOrNull })),
	...{ accel, machine: text, pmu: textOrNull, cpuPmu: flagOrNull, simulated: v.optional(v.array(text), []) },
	predicted: v.nullish(
		v.looseObject({
			...{ ...backend, rule: text },
			because: v.exactOptional(v.array(text)),
			counting: v.exactOptional(v.record(text, text)),
		}),
		null,
	),
	observed: v.nullish(
		v.looseObject({
			...backend,
			layers: v.looseObject({
				...{ qmp: v.unknown(), trace: v.unknown(), guest: v.unknown() },
				selftest: v.exactOptional(v.unknown()),
			}),
		}),
		null,
	),
	selftest: v.exactOptional(
		v.looseObject({
			...{ name: text, state: v.picklist(selftestStates), why: textOrNull, exit: numberOrNull, planned: numberOrNull },
			counts: v.looseObject({ ok: number, 'not-ok': number, skipped: number, expected: number }),
			points: v.array(v.looseObject({ state: v.picklist(pointStates), text })),
		}),
	),
	disagreements: v.exactOptional(v.array(v.looseObject({ layer: text, check: text, expected: text, seen: text }))),
	unmet: v.exactOptional(v.array(text)),
	cpus: v.exactOptional(
		v.looseObject({
			...{ online: text, allowed: textOrNull },
			pmus: v.array(v.looseObject({ name: text, type: number, cpus: text })),
		}),
	),
	moved: v.exactOptional(
		v.array(
			v.looseObject({
				...{ event: text, intervalMs: number },
				stays: v.array(v.looseObject({ pinned: text, counts: v.array(textOrNull), refused: v.exactOptional(text) })),
			}),
		),
	),
	perf: v.optional(
		v.array(
			v.looseObject({
				event: text,
				state: v.picklist(['counted', 'not-counted', 'not-supported']),
				...{ count: textOrNull, runningPct: numberOrNull, pinned: textOrNull },
				...{ vcpu: v.exactOptional(number), doubled: v.exactOptional(v.nullable(text)) },
				samples: v.exactOptional(v.array(v.looseObject({ count: textOrNull, doubled: textOrNull }))),
			}),
		),
		[],
	),
	timings: v.optional(
		v.looseObject({
			startMs: v.exactOptional(number),
			...{ spawnMs: numberOrNull, greetingMs: numberOrNull, shellMs: numberOrNull, totalMs: numberOrNull },
		}),
		{},
	),
	artifacts: v.optional(v.record(text, text), {}),
	notes: v.exactOptional(v.array(text)),
	logs: v.exactOptional(
		v.looseObject({
			...{ guest: kernelLog, host: kernelLog },
			qemu: v.looseObject({ events: v.array(text), stderr: v.array(text) }),
		}),
	),
	attempts: v.exactOptional(
		v.array(v.looseObject({ status, reason: textOrNull, blame, totalMs: numberOrNull, folder: text })),
	),
	flaky: v.exactOptional(v.boolean()),
	quarantine: v.exactOptional(v.looseObject({ reason: text, until: text, expired: v.boolean() })),
	part: v.exactOptional(number),
	made: v.exactOptional(
		v.looseObject({
			qemu: v.looseObject({ sha256: text, buildId: textOrNull }),
			kernel: v.looseObject({ sha256: text }),
			image: v.looseObject({ sha256: text, key: text }),
			boardKernel: v.nullish(v.looseObject({ sha256: text }), null),
		}),
	),
});

/** `results.json`. */
export const resultsShape: Shape<Results> = v.looseObject({
	schema: v.literal('vpmu-results/1'),
	run: v.looseObject({ ...runEntries, durationMs: number, packages }),
	cells: v.array(cellResult),
	summary: v.looseObject({
		...{ pass: number, fail: number, xfail: number, xpass: number, skip: number, error: number },
	}),
});

const plannedCell = v.looseObject({
	...{ id: text, case: text, title: text, on: text, qemu: text, accel, machine: text },
	...{ pmu: textOrNull, cpuPmu: flagOrNull, skip: textOrNull },
});

/** A line of `events.ndjson`. */
export const eventShape: Shape<RunEvent> = v.variant('event', [
	v.looseObject({
		...{ at: moment, event: v.literal('run-start'), run: v.looseObject(runEntries) },
		cells: v.array(plannedCell),
	}),
	v.looseObject({
		...{ at: moment, event: v.literal('progress'), what: text },
		...{ done: v.exactOptional(number), total: v.exactOptional(number) },
	}),
	v.looseObject({ at: moment, event: v.literal('cell-start'), cell: text }),
	v.looseObject({
		...{ at: moment, event: v.literal('cell-phase'), cell: text, phase: v.picklist(cellPhases) },
		host: v.exactOptional(text),
	}),
	v.looseObject({ at: moment, event: v.literal('cell-note'), cell: text, note: text }),
	v.looseObject({ at: moment, event: v.literal('cell-end'), result: cellResult }),
	v.looseObject({ at: moment, event: v.literal('run-end'), durationMs: number, interrupted: v.boolean(), packages }),
]);
