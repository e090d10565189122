import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { UsageError } from '../lib/errors.ts';
import type { RunEvent } from '../run/events.ts';
import { resultsOf } from '../run/fold.ts';
import { readEvents, readResults } from '../run/folder.ts';
import type { Results } from '../run/results.ts';
import { htmlOf, junitOf, kcidbOf, markdownOf, PrettyReport, tapOf } from './index.ts';
import { cellOf, everyStatus } from './testing/results.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
test.after.always(() => rmSync(folder, { recursive: true }));

const cells = everyStatus.cells.map(cell => ({
	...{ id: cell.id, case: cell.case, title: 'a', on: 'board:uniform', qemu: 'debian:trixie', accel: 'kvm' as const },
	...{ machine: 'virt', pmu: null, cpuPmu: null, skip: null },
}));
const { durationMs: _, ...run } = everyStatus.run;
const at = '2026-01-01T00:00:01.000Z';
const full = cellOf('pass', {
	...{ flaky: true, quarantine: { reason: 'why', until: '2026-01-01', expired: false } },
	attempts: [{ status: 'error', reason: null, blame: 'host', totalMs: 3, folder: 'x' }],
});
const results: Results = { ...everyStatus, cells: [...everyStatus.cells, full] };
const events: RunEvent[] = [
	{ at, event: 'run-start', run, cells },
	{ at, event: 'progress', what: 'x', done: 1, total: 2 },
	{ at, event: 'cell-start', cell: full.id },
	{ at, event: 'cell-note', cell: full.id, note: 'n' },
	...results.cells.map((result): RunEvent => ({ at, event: 'cell-end', result })),
	{ at, event: 'run-end', durationMs: 5, interrupted: false },
];

/** Lists the paths of all members of a JSON value. */
function places(value: unknown, here: readonly string[] = []): string[][] {
	if (typeof value !== 'object' || value === null) return [[...here]];
	return [[...here], ...Object.entries(value).flatMap(([name, member]) => places(member, [...here, name]))];
}

/** Returns the value with the member at a path replaced or removed. */
function replaced(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
	if (name === undefined) return by;
	const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
	if (rest.length === 0 && by === undefined) delete copy[name];
	else copy[name] = replaced(copy[name], rest, by);
	return copy;
}

const wrongValue = fc.oneof(
	fc.constantFrom(undefined, null, '', 'x', 0, -1, 1e300, true, [], {}, [null], { a: 1 }, '\u0000\u001b[31m'),
	fc.jsonValue(),
);

const write = (name: string, text: string | Buffer) => writeFileSync(path.join(folder, name), text);
const lines = (all: readonly unknown[]) => all.map(one => `${JSON.stringify(one)}\n`).join('');

/** Reads and renders results. Damaged results must be refused in one sentence. @returns whether they were refused */
function isRefused(t: { regex(text: string, pattern: RegExp): void }, read: () => Results, file: string): boolean {
	let found: Results;
	try {
		found = read();
	} catch (error) {
		if (!(error instanceof UsageError)) throw error;
		t.regex(error.message, new RegExp(`^'[^']*/${file}' [^\\p{C}]+$`, 'u'));
		return true;
	}
	for (const render of [htmlOf, junitOf, kcidbOf, markdownOf, tapOf]) render(found, folder);
	PrettyReport.of(found, folder);
	return false;
}

const readRun = () => resultsOf(readEvents(folder));

test('undamaged results and events are read back unchanged', t => {
	write('results.json', JSON.stringify(results));
	t.deepEqual(readResults(folder), results);
	write('events.ndjson', lines(events));
	t.deepEqual(readEvents(folder), events);
	// As left by a run that was killed while writing.
	write('events.ndjson', `${lines(events)}{"at":"2026-01-01T00:00:01.000Z","event":"cell-`);
	t.deepEqual(readEvents(folder), events);
});

test('results with any value replaced are refused in a sentence, or can be rendered', t => {
	let refused = 0;
	fc.assert(
		fc.property(fc.constantFrom(...places(results)), wrongValue, (place, value) => {
			write('results.json', JSON.stringify(replaced(results, place, value)) ?? '');
			if (isRefused(t, () => readResults(folder), 'results.json')) refused++;
		}),
		{ numRuns: 400 },
	);
	t.true(refused > 100);
});

test('events with any value replaced are refused in a sentence, or can be rendered', t => {
	let refused = 0;
	fc.assert(
		fc.property(fc.constantFrom(...places(events)), wrongValue, (place, value) => {
			const damaged = replaced(events, place, value);
			write('events.ndjson', Array.isArray(damaged) ? lines(damaged.map(one => one ?? null)) : 'null\n');
			if (isRefused(t, readRun, 'events.ndjson')) refused++;
		}),
		{ numRuns: 400 },
	);
	t.true(refused > 100);
});

test('files with truncated, changed or zeroed bytes are refused in a sentence, or can be rendered', t => {
	for (const [name, text, read] of [
		['results.json', JSON.stringify(results), () => readResults(folder)],
		['events.ndjson', lines(events), readRun],
	] as const) {
		const bytes = Buffer.from(text);
		fc.assert(
			fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.constantFrom('cut', 'byte', 'zeros'), (at, byte, how) => {
				const damaged = Buffer.from(how === 'cut' ? bytes.subarray(0, at) : bytes);
				if (how === 'byte') damaged[at] = byte;
				if (how === 'zeros') damaged.fill(0, at);
				write(name, damaged);
				isRefused(t, read, name);
			}),
			{ numRuns: 300 },
		);
	}
	t.pass();
});

test('the sentence names file, line, place, what is there and what is allowed', t => {
	const refusal = (name: string, text: string, read: () => unknown) => {
		write(name, text);
		return t.throws(() => read(), { instanceOf: UsageError })!.message.replace(folder, '.');
	};
	const status = replaced(results, ['cells', '1', 'status'], 'passed');
	const ofResults = (text: string) => refusal('results.json', text, () => readResults(folder));
	t.is(ofResults(''), "'./results.json' is empty");
	t.is(ofResults('null'), "'./results.json' is null; allowed: Object");
	t.regex(ofResults('{"schema": '), /^'.\/results.json' is not JSON: Unexpected end of JSON input$/);
	t.regex(ofResults(JSON.stringify(status)), /has 'cells.1.status' as "passed"; allowed: \("pass" \| "fail" \|/);
	t.regex(
		ofResults(JSON.stringify({ ...results, schema: 'vpmu-results/9' })),
		/'schema' as "vpmu-results\/9"; allowed: "vpmu-results\/1"/,
	);
	const ofEvents = (text: string) => refusal('events.ndjson', text, () => readEvents(folder));
	t.regex(
		ofEvents(`${lines(events.slice(0, 2))}{"at"\n${lines(events.slice(2))}`),
		/^'.\/events.ndjson' line 3 is not JSON/,
	);
	t.regex(ofEvents(''), /holds no whole event; the events of a run begin with 'run-start'/);
	t.regex(ofEvents(lines(events.slice(1))), /begins with 'progress'/);
});
