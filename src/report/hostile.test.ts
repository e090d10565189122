import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { Parser } from 'tap-parser';
import * as v from 'valibot';
import { unless } from '../lib/testing/unless.ts';
import { resultsOf } from '../run/fold.ts';
import type { CellResult, Results } from '../run/results.ts';
import { chromeTraceOf, githubOf, htmlOf, junitOf, kcidbOf, lavaOf, markdownOf, PrettyReport, tapOf } from './index.ts';
import { kcidbSchema } from './testing/kcidb.ts';
import { pagesOf } from './testing/pages.ts';
import { cellOf, resultsWith } from './testing/results.ts';

const pieces = [
	...['\u0000', '\u001b[31m', '\u001b]0;x\u0007', '\r', '\n', '\t', '\u0085', '\u2028', '\u202e', '\u2066', '\u200b'],
	...[
		'\ud800',
		'\udfff',
		'\ufffe',
		']]>',
		'<script>',
		'</script>',
		'<!--',
		'&amp;',
		'"',
		"'",
		'`',
		'#',
		'\\',
		'|',
		'%',
	],
	...[
		'# SKIP',
		'not ok 7',
		'Bail out!',
		'  ---',
		'  ...',
		'::error::',
		'$(x)',
		'😀',
		'e\u0301',
		'\u{e0001}',
		' ',
		'word',
	],
];
const foreign = fc
	.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 8 })
	.map(parts => parts.join(''));

/** A run of two cells with such text wherever somebody else's can stand. */
function runOf(text: string, other: string): Results {
	const kernel = { unread: other, reports: [{ name: text, lines: [other, text] }], known: [] };
	const parts: Partial<CellResult> = {
		...{ case: other, reason: text, machine: other, pmu: text, simulated: [text], notes: [other] },
		on: { host: text, topology: other, kernel: text },
		qemu: { version: other, path: text, hasPmuChoice: true },
		predicted: { backend: text, rule: other, name: text, because: [text, other], counting: { 0: other } },
		observed: { backend: other, layers: { qmp: text, trace: { [other]: text }, guest: other } },
		disagreements: [{ layer: text, check: other, expected: other, seen: text }],
		unmet: [other],
		cpus: { online: text, allowed: other, pmus: [{ name: text, type: 8, cpus: other }] },
		perf: [{ event: text, state: 'counted', count: other, doubled: text, runningPct: 1, pinned: other }],
		moved: [{ event: text, intervalMs: 1, stays: [{ pinned: other, counts: [text], refused: other }] }],
		logs: { guest: kernel, host: kernel, qemu: { events: [text], stderr: [other] } },
		artifacts: { [text]: other },
		quarantine: { reason: text, until: '2099-01-01', expired: false },
		attempts: [{ status: 'error', reason: other, blame: 'host', totalMs: 1, folder: text }],
	};
	return resultsWith([cellOf('fail', { ...parts, id: `a${text}` }), cellOf('skip', { ...parts, id: `b${other}` })]);
}

const xmllint = ['/usr/bin/xmllint', '/usr/local/bin/xmllint'].find(existsSync);
const schema = path.join(import.meta.dirname, 'testing/junit.xsd');

/** Judges every format of a run by its reader. */
function judge(t: ExecutionContext, results: Results, text: string): void {
	const junit = junitOf(results, text);
	if (xmllint !== undefined) {
		const { status, stderr } = spawnSync(xmllint, ['--noout', '--huge', '--schema', schema, '-'], {
			input: junit,
			encoding: 'utf8',
		});
		t.is(status, 0, stderr.slice(0, 2000));
	}
	const tap = Parser.parse(tapOf(results), { strict: true });
	const ends = tap.flatMap(([kind, value]) =>
		kind === 'complete' ? [value as { count: number; fail: number; skip: number }] : [],
	);
	t.like(ends[0], { count: 2, fail: 1, skip: 1, bailout: false });
	t.deepEqual(
		tap.filter(([kind]) => ['extra', 'bailout', 'comment'].includes(kind)),
		[],
	);
	// PostgreSQL refuses every text that contains a NUL.
	t.notRegex(kcidbOf(results), /(?<!\\)(?:\\\\)*\\u0000/);
	const { builds, tests } = v.parse(kcidbSchema, JSON.parse(kcidbOf(results)));
	t.is(tests.length, 2);
	for (const id of [...tests.flatMap(one => [one.id, one.build_id]), ...builds.map(one => one.id)]) {
		t.regex(id, /^vpmu:.+$/);
	}
	const signals = lavaOf(results, text).trimEnd().split('\n');
	t.is(
		signals.filter(line =>
			/^<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=\S+ RESULT=\S+ UNITS=\S+ MEASUREMENT=[\d.]+>$/.test(line),
		).length,
		2,
	);
	for (const line of signals) t.regex(line, /^(?:<LAVA_SIGNAL_TESTCASE |vpmu: [^<]*$)/);
	const html = htmlOf(results, { folder: text, artifacts: () => text });
	for (const page of [html, ...pagesOf(html)]) {
		t.notRegex(page, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}](?<![\n\t])/u);
		t.is(page.match(/<script\b/g)?.length ?? 0, page === html ? 3 : 0);
		t.notRegex(page, /<(?:img|iframe|object|base|embed)\b(?! )/);
	}
	for (const line of githubOf(results, text).trimEnd().split('\n')) t.regex(line, /^::error title=[^:,\r\n]*::/);
	t.true(markdownOf(results, text).length > 0);
	t.regex(PrettyReport.of(results, text), /repeat {5}/);
	const { durationMs: _, ...run } = results.run;
	const at = run.startedAt;
	const events = [
		{ at, event: 'run-start', run, cells: [] },
		{ at, event: 'progress', what: text },
		...results.cells.flatMap(result => [
			{ at, event: 'cell-phase', cell: result.id, phase: 'prepare', host: text } as const,
			{ at, event: 'cell-end', result } as const,
		]),
	] as const;
	const traced = JSON.parse(chromeTraceOf(events)) as { traceEvents: { name: string }[] };
	t.true(traced.traceEvents.every(({ name }) => name.length <= 2000));
	t.is(resultsOf(events).cells.length, 0);
}

test('any text anywhere comes through every format correctly and harmlessly', t => {
	fc.assert(
		fc.property(foreign, foreign, (text, other) => {
			judge(t, runOf(text, other), text);
		}),
		{ numRuns: 25 },
	);
});

test('a line of 1 MB comes through every format', t => {
	const text = pieces
		.filter(piece => piece !== '\n')
		.join('')
		.padEnd(1000, 'x')
		.repeat(1000);
	judge(t, resultsWith([cellOf('fail', { reason: text, notes: [text] }), cellOf('skip', { reason: text })]), 'RUN');
});

unless(xmllint === undefined ? 'no xmllint here; apt-get install libxml2-utils' : undefined)(
	'JUnit fits its schema',
	t => {
		const bad = junitOf(runOf('a', 'b')).replace('tests="2"', 'tests="two"');
		const run = (input: string) =>
			spawnSync(xmllint!, ['--noout', '--schema', schema, '-'], { input, encoding: 'utf8' });
		t.is(run(junitOf(runOf('a', 'b'))).status, 0);
		t.not(run(bad).status, 0, 'the schema is no rubber stamp');
	},
);
