import * as v from 'valibot';
import type { Shape } from '../../lib/index.ts';
import { cellStatuses } from '../../run/index.ts';
import type { CellHistory } from '../judge/cells.ts';
import type { NightReport } from '../judge/report.ts';

/** What `vpmu history --format json` prints. */
export interface HistoryDocument {
	readonly schema: 'vpmu-history/1';
	/** In the order of their ids. */
	readonly cells: readonly CellHistory[];
}

/** What `vpmu history report --format json` prints. */
export interface NightDocument extends NightReport {
	readonly schema: 'vpmu-history-report/1';
}

const text = v.string();
const textOrNull = v.nullable(text);
const number = v.number();
const numberOrNull = v.nullable(number);

const pastRun = v.looseObject({
	id: text,
	started: number,
	folder: text,
	vpmu: text,
	machine: text,
	revision: textOrNull,
});

const pastCell = v.looseObject({
	...{ run: pastRun, id: text, cell: text, case: text, place: text, status: v.picklist(cellStatuses) },
	...{ reason: textOrNull, flaky: v.boolean(), totalMs: numberOrNull, bootMs: numberOrNull },
	...{ qemu: textOrNull, guestKernel: textOrNull, hostKernel: textOrNull },
});
const pastCellOrNull = v.nullable(pastCell);

const spread = v.nullable(v.looseObject({ count: number, median: number, low: number, high: number }));

const cellHistory: Shape<CellHistory> = v.looseObject({
	...{ id: text, case: text, last: pastCell, results: v.array(pastCell), verdicts: number },
	...{ boot: spread, total: spread },
	flaky: v.nullable(v.looseObject({ wrong: number, of: number, since: pastCell })),
	...{ firstBad: pastCellOrNull, lastGood: pastCellOrNull, fixed: pastCellOrNull },
});
const cells = v.array(cellHistory);

/** Shapes that both documents have in many places; their JSON Schemas name them. */
export const historyDefinitions = { pastRun, pastCell, cellHistory } as const;

/** `vpmu history --format json`. */
export const historyShape: Shape<HistoryDocument> = v.looseObject({ schema: v.literal('vpmu-history/1'), cells });

/** `vpmu history report --format json`. */
export const nightShape: Shape<NightDocument> = v.looseObject({
	...{ schema: v.literal('vpmu-history-report/1'), since: number, cells: number },
	...{ runs: v.array(pastRun), tonight: v.array(pastRun) },
	...{ fresh: cells, red: cells, fixed: cells, flaky: cells, lost: cells, absent: cells },
	drifts: v.array(
		v.looseObject({
			...{ place: text, machine: text, cells: v.array(text), form: v.picklist(['step', 'drift']) },
			...{ before: pastCell, first: pastCell, ratio: number, probability: number, runs: number },
		}),
	),
	short: v.nullable(v.looseObject({ places: number, runs: number, needed: number })),
});
