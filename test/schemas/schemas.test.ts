import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import test from 'ava';
import { baselineText, compareSides, sideOf } from '../../src/compare/index.ts';
import { cellHistories, nightReport, readHistory, recordRuns } from '../../src/history/index.ts';
import { nights, noisy } from '../../src/history/testing/nights.ts';
import { everyStatus, resultsWith } from '../../src/report/testing/results.ts';
import { publishedSchema, type SchemaName, schemaNames, schemaOf } from './schemas.ts';

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });

/** Returns ajv's errors for a value; `null` if it is valid. */
function problemsOf(name: SchemaName, value: unknown): string | null {
	const check = ajv.compile(publishedSchema(name));
	return check(JSON.parse(JSON.stringify(value))) ? null : ajv.errorsText(check.errors);
}

const at = '2026-01-01T00:00:00.000Z';
const { durationMs: _, ...run } = everyStatus.run;
const planned = {
	...{ id: 'a', case: 'pmu/a', title: 'a', on: 'board:uniform', qemu: 'debian:trixie', accel: 'kvm', machine: 'virt' },
	...{ pmu: null, cpuPmu: null, skip: null },
};

for (const name of schemaNames) {
	test(`docs/schemas/${name} matches the schema in the code; 'npm run schemas' writes it`, t => {
		t.deepEqual(publishedSchema(name), JSON.parse(JSON.stringify(schemaOf(name))));
	});
}

test('results with every status are valid; a wrong status, count or schema name is not', t => {
	t.is(problemsOf('results.json', everyStatus), null);
	const [cell] = everyStatus.cells;
	const wrong = (more: object) => problemsOf('results.json', { ...everyStatus, cells: [{ ...cell, ...more }] }) ?? '';
	t.regex(wrong({ status: 'passed' }), /cells\/0\/status must be equal to one of/);
	const selftest = {
		...{ name: 'get-reg-list', state: 'not-ok', why: 'a', exit: null, planned: 1 },
		...{ counts: { ok: 0, 'not-ok': 1, skipped: 0, expected: 0 }, points: [{ state: 'not-ok', text: '1 a' }] },
	};
	const layers = { qmp: null, trace: null, guest: null, selftest: 'not ok' };
	t.is(wrong({ selftest, observed: { backend: 'unknown', layers } }), '');
	t.regex(wrong({ selftest: { ...selftest, state: 'good' } }), /selftest\/state must be equal/);
	t.regex(wrong({ perf: [{ event: 'cycles', state: 'counted', count: 5 }] }), /perf\/0\/count must be string/);
	t.regex(problemsOf('results.json', { ...everyStatus, schema: 'vpmu-results/2' }) ?? '', /schema must be equal/);
});

test('each kind of event is valid, and an unknown kind is not', t => {
	for (const event of [
		{ at, event: 'run-start', run, cells: [planned] },
		{ at, event: 'progress', what: 'boot', done: 1, total: 2 },
		{ at, event: 'cell-start', cell: 'a' },
		{ at, event: 'cell-note', cell: 'a', note: 'n' },
		...everyStatus.cells.map(result => ({ at, event: 'cell-end', result })),
		{ at, event: 'run-end', durationMs: 5, interrupted: false },
	]) {
		t.is(problemsOf('events.json', event), null);
	}
	t.truthy(problemsOf('events.json', { at, event: 'cell-lost', cell: 'a' }));
	t.truthy(problemsOf('events.json', { at, event: 'cell-start' }));
});

test('what KVM answered is valid, and a status of another name is not', t => {
	const check = { ...{ id: 'a', what: 'a', where: 'a', since: '4.6', expected: 'ok' }, observed: null, why: 'absent' };
	const found = { schema: 'vpmu-conformance/1', host: 'a', kernel: '6.12', fixedCounters: 'v7', deviations: 0 };
	const checks = [{ ...check, status: 'not-asked' }];
	t.is(problemsOf('conformance.json', { ...found, checks, kernelLog: null }), null);
	t.truthy(problemsOf('conformance.json', { ...found, checks: [{ ...check, status: 'fail' }], kernelLog: [] }));
});

test('a comparison is valid, alone and in series.json', t => {
	const [pass, fail, error] = everyStatus.cells;
	const before = sideOf([resultsWith([pass!, error!])]);
	const after = sideOf([
		resultsWith([
			{ ...fail!, id: pass!.id },
			{ ...pass!, id: 'new' },
		]),
	]);
	const comparison = compareSides(before, after);
	t.true(comparison.regressions > 0);
	t.is(problemsOf('compare.json', comparison), null);
	t.is(problemsOf('baseline.json', JSON.parse(baselineText(before))), null);
	const build = { program: '/usr/bin/qemu-system-aarch64', version: '10.0.13' };
	const series = { schema: 'vpmu-series/1', before: build, after: build, exit: 1 };
	t.is(problemsOf('series.json', series), null, 'with --build-only');
	t.is(problemsOf('series.json', { ...series, out: 'x', comparison, why: ['worse'] }), null);
	t.truthy(problemsOf('series.json', { ...series, comparison: {} }));
});

test('the history of cells and the report of nights are valid, with every kind of news', t => {
	const results = nights(14, night => [
		{ status: night < 9 ? 'pass' : 'fail', reason: night < 9 ? null : 'no cycles' },
		{ name: 'pmu/b', status: night === 14 ? 'fail' : 'pass' },
		{ name: 'pmu/c', status: [4, 8, 12].includes(night) ? 'fail' : 'pass' },
		{ name: 'pmu/d', status: night === 13 ? 'fail' : 'pass' },
		{ name: 'pmu/e', status: night === 14 ? 'error' : 'pass' },
		...(night === 14 ? [] : [{ name: 'pmu/f' }]),
		{ name: 'pmu/g', place: 'biglittle', bootMs: noisy(1000 * (night < 7 ? 1 : 1.5), night, 1) },
		{ name: 'pmu/h', place: 'local', status: night > 11 ? 'pass' : 'skip', bootMs: night > 11 ? 900 : 0 },
	]);
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const store = { folder, onNote: (text: string) => t.fail(text) };
	recordRuns(
		store,
		results.map(one => ({ results: one, folder: `/ci/${one.run.id}` })),
	);
	const past = readHistory(store);
	const cells = cellHistories(past);
	t.is(problemsOf('history.json', { schema: 'vpmu-history/1', cells }), null);
	t.regex(problemsOf('history.json', { schema: 'vpmu-history/1', cells: [{ ...cells[0], last: null }] }) ?? '', /last/);
	const report = nightReport(past, 0);
	const { fresh, red, flaky, drifts, fixed, lost, absent, short } = report;
	for (const [news, count] of Object.entries({ fresh, red, flaky, drifts, fixed, lost, absent }))
		t.is(count.length, 1, news);
	t.truthy(short);
	t.is(problemsOf('history-report.json', { schema: 'vpmu-history-report/1', ...report }), null);
	t.regex(
		problemsOf('history-report.json', { schema: 'vpmu-history-report/1', ...report, drifts: [{}] }) ?? '',
		/drifts/,
	);
});
