import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { localHost } from '../../src/host/index.ts';
import { DeadlineError } from '../../src/lib/index.ts';
import { CellSkipped } from '../protocol/outcome.ts';
import { runOwnTestIn, type SelftestCell } from './own-tests.ts';

/** Runs a script in the place of one of the kernel's tests, in a cell that has no run. */
async function runFake(
	t: ExecutionContext,
	scripts: Readonly<Record<string, string>>,
	variant = 'get-reg-list',
	slowness = 5,
) {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-own-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const [selftests, artifacts] = [path.join(folder, 'selftests'), path.join(folder, 'cell')];
	for (const one of [selftests, artifacts]) mkdirSync(one);
	for (const [name, text] of Object.entries(scripts)) writeFileSync(path.join(selftests, name), text, { mode: 0o755 });
	await using host = localHost();
	const seen: Parameters<SelftestCell['observe']>[0][] = [];
	const files: Record<string, string> = {};
	const notes: string[] = [];
	const fakeCell = {
		...{ cell: { selftests, variant }, host, lease: { slowness, artifacts } },
		observe: part => void seen.push(part),
		note: text => void notes.push(text),
		attach: (name, file) => {
			files[name] = readFileSync(file, 'utf8');
		},
	} as SelftestCell;
	const ended = await runOwnTestIn(fakeCell).then(
		() => undefined,
		(error: Error) => error,
	);
	return { ended, seen: seen[0]?.selftest, files, notes };
}

test('what a test prints is judged and kept in the folder of the cell', async t => {
	const script = '#!/bin/sh\necho 1..2; echo ok 1 a; echo not ok 2 b; echo c >&2; exit 1\n';
	const { ended, seen, files } = await runFake(t, { 'get-reg-list': script });
	t.is(ended, undefined);
	t.like(seen, { name: 'get-reg-list', state: 'not-ok', why: 'not ok 2 b', exit: 1, planned: 2 });
	t.deepEqual(files, { 'selftest.tap': '1..2\nok 1 a\nnot ok 2 b\n', 'selftest.stderr': 'c\n' });
});

test('a test that skips itself, or that the kernel is too old for, skips the cell with the reason', async t => {
	const skipped = await runFake(t, { 'get-reg-list': '#!/bin/sh\necho "1..0 # SKIP - no PMU"; exit 4\n' });
	t.true(skipped.ended instanceof CellSkipped);
	t.is(skipped.ended?.message, 'get-reg-list was skipped: no PMU');
	t.deepEqual([skipped.seen, Object.keys(skipped.files)], [undefined, ['selftest.tap']]);
	const { ended } = await runFake(t, { 'get-reg-list': '' }, 'vpmu_counter_access');
	t.true(ended instanceof CellSkipped);
	t.is(ended?.message, "needs vpmu_counter_access, which this kernel's source does not have");
});

test('a test that takes too long for the speed of its host ends with a deadline', async t => {
	const { ended, seen } = await runFake(t, { 'get-reg-list': '#!/bin/sh\nexec sleep 600\n' }, undefined, 1e-6);
	t.true(ended instanceof DeadlineError, String(ended));
	t.regex(ended!.message, / after \d+ ms/);
	t.is(seen, undefined);
});

test('tests that could not be built are not ok', async t => {
	const { ended, seen } = await runFake(t, { unbuilt: 'a.c:1: error: b\n' });
	t.is(ended, undefined);
	t.like(seen, { state: 'not-ok', why: 'it could not be built: a.c:1: error: b' });
});

test('that the rest of a test fails, which is not about PMUs, is noted', async t => {
	const script = '#!/bin/sh\necho 1..9; echo ok 1 A_PMUVer; echo ok 2 B_PerfMon; echo at odds >&2; exit 254\n';
	const { seen, notes, files } = await runFake(t, { set_id_regs: script }, 'set_id_regs');
	t.like(seen, { state: 'ok', exit: 254, planned: 2 });
	t.deepEqual(notes, [
		'set_id_regs ended with status 254; only its points about PMUVer and PerfMon count: selftest.stderr has the rest',
	]);
	t.is(files['selftest.stderr'], 'at odds\n');
});
