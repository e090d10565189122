import * as v from 'valibot';
import type { Shape } from '../../../src/lib/index.ts';
import type { Inspection, MachineType } from '../../../src/qemu/index.ts';

/** What the cells of a run need to know of a QEMU; kept between runs. */
export type Inspected = Pick<Inspection, 'version' | 'pmuChoice'> & { readonly machines: readonly MachineType[] };

const flagOrNull = v.nullable(v.boolean());

/** The schema of the kept file. */
export const inspectedShape: Shape<Inspected> = v.looseObject({
	version: v.string(),
	machines: v.array(
		v.looseObject({
			...{ name: v.string(), alias: v.nullable(v.string()), isDefault: v.boolean(), deprecated: v.boolean() },
			...{ cpuMax: v.number(), defaultCpuType: v.nullable(v.string()), backcompatPmu: flagOrNull },
			compatProperties: v.nullable(
				v.array(v.looseObject({ qomType: v.string(), property: v.string(), value: v.string() })),
			),
		}),
	),
	pmuChoice: v.looseObject({
		has: flagOrNull,
		evidence: v.array(
			v.looseObject({
				way: v.picklist(['trace-event', 'compat-properties', 'accelerator-properties', 'command-line']),
				...{ question: v.string(), answer: v.string(), has: flagOrNull },
			}),
		),
	}),
});
