import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { openCache } from '../../../src/image/index.ts';
import { cellOf, resultsWith } from '../../../src/report/testing/results.ts';
import { type Results, readResults } from '../../../src/run/index.ts';
import { findEarlier, keepEarlier, takeEarlier } from './earlier.ts';
import { linesText, saidIn } from './runs.ts';

const runOf = (id: string, cells = [cellOf('pass')]): Results => {
	const results = resultsWith(cells);
	return { ...results, run: { ...results.run, id, startedAt: '2026-11-29T10:00:00.000Z' } };
};

test('the last results of a key are taken, with the run that they come from; those of an infrastructure that failed are not kept', async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-earlier-', unsafeCleanup: true });
	t.teardown(cleanup);
	const cache = await openCache({ env: { VPMU_CACHE: path.join(folder, 'cache') } });
	const keep = async (key: string, results: Results) => {
		const run = path.join(folder, results.run.id);
		await mkdir(run, { recursive: true });
		await writeFile(path.join(run, 'results.json'), JSON.stringify(results));
		await keepEarlier(cache, key, run);
	};
	t.is(await findEarlier(cache, 'a'), undefined);
	await keep('a', runOf('2026-11-28T10-00-00Z-0001'));
	await keep('a', runOf('2026-11-29T10-00-00Z-0002', [cellOf('fail')]));
	await keep('a', runOf('2026-11-29T11-00-00Z-0003', [cellOf('error')]));
	await keep('ab', runOf('2026-11-30T10-00-00Z-0004'));
	const found = (await findEarlier(cache, 'a'))!;
	t.is(found.results.run.id, '2026-11-29T10-00-00Z-0002');
	const out = path.join(folder, 'out/before');
	t.is(
		await takeEarlier(found, out),
		"1 cell, taken from run 2026-11-29T10-00-00Z-0002 of 2026-11-29, with the same QEMU, cells, kernels and vpmu; '--fresh' runs them again",
	);
	t.deepEqual(readResults(out), found.results);
	// A damaged entry counts as none: the one before it is taken.
	await writeFile(path.join(found.folder, 'results.json'), '{');
	t.is((await findEarlier(await openCache({ env: cache.env }), 'a'))?.results.run.id, '2026-11-28T10-00-00Z-0001');
});

test('what QEMU writes is compared without what differs from start to start', t => {
	const said = (stderr: readonly string[]) =>
		saidIn(resultsWith([cellOf('pass', { logs: { guest: null, host: null, qemu: { events: [], stderr } } as never })]));
	t.deepEqual(
		said([
			'/cache/roots/qemu-built-0123/qemu-system-aarch64: warning: x',
			'qemu-system-aarch64: warning: x',
			'==12==ERROR: AddressSanitizer: SEGV on unknown address 0xffff12 (pid 7)',
			'==13==ERROR: AddressSanitizer: SEGV on unknown address 0xffff34 (pid 8)',
		]),
		['qemu-system-aarch64: warning: x', '==PID==ERROR: AddressSanitizer: SEGV on unknown address 0x... (pid N)'],
	);
});

test('of many new lines, as of a sanitizer, the first are told and how many there are', t => {
	t.is(linesText(['a', 'b']), 'a | b');
	t.is(linesText(['a', 'b', 'c', 'd', 'e']), 'a | b | c | and 2 more lines');
});
