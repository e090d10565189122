import * as v from 'valibot';
import type { Shape } from '../../lib/files/stored.ts';
import { type Conformance, checkStatuses } from './judge.ts';

const text = v.string();
const textOrNull = v.nullable(text);

/** The shape of what `vpmu probe --conformance --json` prints. */
export const conformanceShape: Shape<Conformance> = v.looseObject({
	...{ schema: v.literal('vpmu-conformance/1'), host: text, kernel: text },
	fixedCounters: v.picklist(['none', 'v7', 'v8', 'mixed']),
	checks: v.array(
		v.looseObject({
			...{ id: text, what: text, where: text, since: text, expected: text },
			...{ observed: textOrNull, status: v.picklist(checkStatuses), why: textOrNull },
		}),
	),
	kernelLog: v.nullable(v.array(text)),
	deviations: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
