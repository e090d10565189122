import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { runOf } from '../../src/compare/testing/cells.ts';
import { divisionName } from '../../src/run/index.ts';
import { divide, durationOf, storeDurations, storedDurations } from './shards.ts';

const cell = (id: string, skip: string | null = null) => ({ id, skip });

test('without durations the parts have equal numbers of cells', t => {
	const cells = Array.from({ length: 7 }, (_, index) => cell(String(index)));
	t.deepEqual(divide(cells, { count: 3 }), [1, 2, 3, 1, 2, 3, 1]);
});

test('with durations no part is longer than necessary; new cells count as the median', t => {
	const cells = ['a', 'b', 'c', 'd', 'new'].map(id => cell(id));
	const durations = { a: 100, b: 60, c: 50, d: 10 };
	// 100 | 60, then new (60) to the second, then 50 to the first, then 10 to the second.
	t.deepEqual(divide(cells, { count: 2, durations }), [1, 2, 1, 2, 2]);
});

test('durations balance the cells of another build of QEMU too', t => {
	const cells = ['a', 'b', 'c'].map(name => cell(`pmu/${name}[uniform,/new/qemu,virt]`));
	const durations = { 'pmu/a[uniform,virt]': 100, 'pmu/b[uniform,virt]': 60, 'pmu/c[uniform,virt]': 50 };
	t.deepEqual(divide(cells, { count: 2, durations }), [1, 2, 2]);
});

test('durations of a run are stored for every build of QEMU', async t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const env = { VPMU_CACHE: folder, VPMU_STATE: path.join(folder, 'state') };
	const timings = { spawnMs: null, greetingMs: null, shellMs: null, totalMs: 70 };
	await storeDurations(env, runOf({ qemu: '/old/qemu', more: { timings } }));
	t.deepEqual(JSON.parse(readFileSync(path.join(folder, 'durations.json'), 'utf8')), { 'pmu/a[uniform,virt]': 70 });
});

test('stored durations are found for another build of QEMU', t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	writeFileSync(path.join(folder, 'durations.json'), '{"pmu/a[uniform,/old/qemu,virt]": 70, "a": 1}');
	const found = storedDurations({ VPMU_CACHE: folder, VPMU_STATE: path.join(folder, 'state') });
	t.is(durationOf(found, 'pmu/a[uniform,/new/qemu,virt]'), 70);
	t.is(durationOf(found, 'a'), 1);
	t.is(durationOf(found, 'b'), undefined);
});

test('every cell is in exactly one part, and no part exceeds the even share by more than one cell', t => {
	fc.assert(
		fc.property(
			fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 40 }),
			fc.integer({ min: 1, max: 8 }),
			fc.infiniteStream(fc.integer({ min: 1, max: 100_000 })),
			(ids, count, times) => {
				const cells = ids.map(id => cell(id));
				const durations = Object.fromEntries(ids.map(id => [id, times.next().value as number]));
				const parts = divide(cells, { count, durations });
				t.is(parts.length, ids.length);
				t.true(parts.every(part => part >= 1 && part <= count));
				const loads = Array.from({ length: count }, (_, part) =>
					ids.reduce((sum, id, index) => sum + (parts[index] === part + 1 ? durations[id]! : 0), 0),
				);
				const total = loads.reduce((sum, load) => sum + load, 0);
				t.true(Math.max(...loads) <= total / count + Math.max(...Object.values(durations)));
				const named = cells.map(({ id }, index) => [id, parts[index]!] as const);
				t.is(divisionName(named, count), divisionName(named.toReversed(), count));
			},
		),
		{ numRuns: 200 },
	);
});

test('another division has another name', t => {
	const cells = ['a', 'b', 'c'].map(id => cell(id));
	const name = (durations: Record<string, number>, count = 2) => {
		const parts = divide(cells, { count, durations });
		return divisionName(
			cells.map(({ id }, index) => [id, parts[index]!]),
			count,
		);
	};
	t.not(name({ a: 100, b: 60, c: 50 }), name({ a: 10, b: 60, c: 50 }));
	t.not(name({ a: 1, b: 2, c: 3 }, 3), name({ a: 1, b: 2, c: 3 }, 4));
});
