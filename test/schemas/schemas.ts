import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema';
import { comparisonShape, seriesShape } from '../../harness/run/shapes.ts';
import { baselineShape } from '../../src/compare/index.ts';
import { historyDefinitions, historyShape, nightShape } from '../../src/history/index.ts';
import { conformanceShape } from '../../src/pmu/index.ts';
import { eventShape, resultsShape } from '../../src/run/shapes.ts';

/** Where the package has its JSON Schemas. */
const schemaFolder = path.resolve(import.meta.dirname, '../../docs/schemas');

/** The files that vpmu writes for others, each with the shape that its reader checks. */
const described = {
	'results.json': { shape: resultsShape, title: 'results.json of a run, and what vpmu run --json prints' },
	'events.json': { shape: eventShape, title: 'A line of events.ndjson of a run' },
	'series.json': { shape: seriesShape, title: 'series.json, and what vpmu series --json prints' },
	'compare.json': { shape: comparisonShape, title: 'What vpmu compare --format json prints' },
	'conformance.json': { shape: conformanceShape, title: 'What vpmu probe --conformance --json prints' },
	'history.json': { shape: historyShape, title: 'What vpmu history --format json prints' },
	'history-report.json': { shape: nightShape, title: 'What vpmu history report --format json prints' },
	'baseline.json': { shape: baselineShape, title: 'A baseline, which vpmu compare --write-baseline writes' },
} as const;

export type SchemaName = keyof typeof described;
export const schemaNames = Object.keys(described) as SchemaName[];

/** Makes the JSON Schema (draft 2020-12) of a file from the shape that vpmu reads it with. */
export function schemaOf(name: SchemaName): object {
	const { shape, title } = described[name];
	const definitions = name.startsWith('history') ? historyDefinitions : {};
	// A check in code, such as of a moment, has no form in JSON Schema.
	const config: ConversionConfig = { target: 'draft-2020-12', errorMode: 'ignore', definitions };
	return { title, ...toJsonSchema(shape as Parameters<typeof toJsonSchema>[0], config) };
}

/** Reads a published schema. */
export function publishedSchema(name: SchemaName): object {
	return JSON.parse(readFileSync(path.join(schemaFolder, name), 'utf8')) as object;
}

if (import.meta.main) {
	for (const name of schemaNames) writeFileSync(path.join(schemaFolder, name), JSON.stringify(schemaOf(name)));
}
