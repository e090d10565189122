import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { nights } from '../testing/nights.ts';
import { usualDurations } from './durations.ts';
import { stateFolder } from './place.ts';
import { readHistory } from './read.ts';
import { recordRuns } from './record.ts';
import { openDatabase } from './sqlite.ts';

function newStore(t: ExecutionContext) {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const notes: string[] = [];
	return { folder, file: path.join(folder, 'history.sqlite'), notes, onNote: (text: string) => void notes.push(text) };
}

const writer = path.join(import.meta.dirname, '../testing/writer.ts');
const start = (...argv: string[]) =>
	spawn(process.execPath, ['--disable-warning=ExperimentalWarning', writer, ...argv], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});

const runsIn = (store: ReturnType<typeof newStore>) => [...new Set(readHistory(store).map(({ run }) => run.id))];
const given = (count: number, name = 'night') =>
	nights(count, () => [{ bootMs: 900 }], name).map(results => ({ results, folder: `/runs/${results.run.id}` }));

test('a run is read as it was recorded, and recording it again changes nothing', t => {
	const store = newStore(t);
	t.deepEqual(readHistory(store), []);
	t.false(existsSync(store.file), 'reading makes no store');
	t.deepEqual(recordRuns(store, given(2)), ['night-1', 'night-2']);
	const before = readHistory(store);
	t.like(before[0], {
		...{ id: 'pmu/a[uniform,debian:trixie,virt]', case: 'pmu/a', status: 'pass', bootMs: 900, qemu: '10.0.13' },
		run: { id: 'night-1', started: Date.UTC(2026, 10, 1, 2), folder: '/runs/night-1', machine: 'builder' },
	});
	t.deepEqual(recordRuns(store, given(3)), ['night-3']);
	t.deepEqual(readHistory(store).slice(0, 2), before);
	t.is(readHistory(store, 'pmu/a').length, 3);
	t.is(readHistory(store, 'pmu/a[uniform,debian:trixie,virt]').length, 3);
	t.deepEqual(readHistory(store, "' OR 1=1 --"), []);
});

test('a merged run takes the place of its parts', t => {
	const store = newStore(t);
	const [whole] = given(1, 'whole');
	const parts = [1, 2].map(index => ({ ...whole!.results.run, id: `part-${index}`, index }));
	recordRuns(store, [
		...given(1, 'part'),
		{ ...whole!, results: { ...whole!.results, run: { ...whole!.results.run, parts } } },
	]);
	t.deepEqual(runsIn(store), ['whole-1']);
});

test('what no run of vpmu has is refused, and named', t => {
	const store = newStore(t);
	const [{ results }] = given(1) as [ReturnType<typeof given>[number]];
	const refused = (run: object, cells: object = {}) =>
		t.throws(() =>
			recordRuns(store, [
				{
					results: { ...results, run: { ...results.run, ...run }, cells: [{ ...results.cells[0]!, ...cells }] },
					folder: '/f',
				},
			]),
		).message;
	t.regex(
		refused({ id: 'x'.repeat(1_000_000) }),
		/^the run '\/f' has the id 'x{60}\.\.\. \(1000000 characters\)'; allowed:/,
	);
	t.regex(refused({ startedAt: '9999-01-01T00:00:00Z' }), /started at 9999-01-01T00:00:00Z; allowed: 1970 until now/);
	t.regex(refused({}, { id: 'x'.repeat(5000) }), /has a cell 'x{60}/);
	t.false(existsSync(store.file));
});

test('two processes that write at once lose no run', async t => {
	const store = newStore(t);
	const names = ['a', 'b', 'c'];
	const ends = await Promise.all(
		names.map(async name => {
			const child = start('write', store.folder, name, '15');
			const [said, [status]] = await Promise.all([Array.fromAsync(child.stdout), once(child, 'close')]);
			return [status, Buffer.concat(said).toString()];
		}),
	);
	t.deepEqual(
		ends,
		names.map(() => [0, '']),
	);
	t.is(runsIn(store).length, 45);
	t.is(readHistory(store).length, 90);
});

test('a writer that is killed leaves whole runs only, and keeps nobody waiting', async t => {
	const store = newStore(t);
	recordRuns(store, given(1, 'before'));
	const child = start('stop', store.folder);
	await once(child.stdout, 'data');
	t.deepEqual(runsIn(store), ['before-1'], 'a reader does not wait for the writer');
	child.kill('SIGKILL');
	await once(child, 'close');
	t.deepEqual(recordRuns(store, given(1, 'after')), ['after-1']);
	t.deepEqual(runsIn(store).sort(), ['after-1', 'before-1']);
	t.deepEqual(store.notes, []);
	const database = openDatabase(store.file);
	t.like(database.prepare('PRAGMA integrity_check').get(), { integrity_check: 'ok' });
	database.close();
});

for (const [what, damage] of [
	['is no database', () => Buffer.from('not a database, but longer than the header of one. '.repeat(20))],
	[
		'lost its pages',
		(bytes: Buffer) => Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 0xa5)]),
	],
	['was truncated', (bytes: Buffer) => bytes.subarray(0, 5000)],
] as const) {
	test(`a store that ${what} is set aside with a note, and a new one is filled`, t => {
		const store = newStore(t);
		recordRuns(store, given(20));
		const damaged = damage(readFileSync(store.file));
		writeFileSync(store.file, damaged);
		t.deepEqual(recordRuns(store, given(1, 'new')), ['new-1']);
		t.deepEqual(runsIn(store), ['new-1']);
		t.is(store.notes.length, 1);
		t.regex(store.notes[0]!, /was damaged \(.+\) and is now '.*\.damaged-.*'; 'vpmu history import RUN\.\.\.' fills/);
		const aside = readdirSync(store.folder).find(name => /\.damaged-[^.]*$/.test(name));
		t.deepEqual(readFileSync(path.join(store.folder, aside!)), Buffer.from(damaged));
	});
}

test('a damaged store is set aside by a reader too', t => {
	const store = newStore(t);
	writeFileSync(store.file, 'x'.repeat(4096));
	t.deepEqual(readHistory(store), []);
	t.is(store.notes.length, 1);
});

test('the store of a later vpmu is neither read nor set aside', t => {
	const store = newStore(t);
	recordRuns(store, given(1));
	const database = openDatabase(store.file);
	database.exec('PRAGMA user_version = 9');
	database.close();
	t.throws(() => readHistory(store), { message: /was written by a later vpmu \(tables 9; this one knows 1\)/ });
	t.deepEqual(store.notes, []);
});

test('the store of an earlier vpmu is kept, and takes runs with the commit that was under test', t => {
	const store = newStore(t);
	recordRuns(store, given(1, 'old'));
	const database = openDatabase(store.file);
	database.exec('ALTER TABLE runs DROP COLUMN revision');
	database.close();
	const [one, two, mixed] = given(3) as [Given, Given, Given];
	type Given = ReturnType<typeof given>[number];
	const part = (commit: string) => ({ ...one.results.run, id: 'part', labels: { commit }, index: 1 });
	const labelled = ({ results, folder }: Given, run: object) => ({
		...{ folder, results: { ...results, run: { ...results.run, ...run } } },
	});
	recordRuns(store, [
		labelled(one, { labels: { commit: 'abc' } }),
		labelled(two, { parts: [part('def'), part('def')] }),
		labelled(mixed, { parts: [part('abc'), part('def')] }),
	]);
	t.deepEqual(Object.fromEntries(readHistory(store).map(({ run }) => [run.id, run.revision])), {
		'old-1': null,
		'night-1': 'abc',
		'night-2': 'def',
		'night-3': null,
	});
	t.deepEqual(store.notes, []);
});

test('a folder that cannot be made is named, with the way out', t => {
	const store = newStore(t);
	writeFileSync(path.join(store.folder, 'file'), '');
	const folder = path.join(store.folder, 'file', 'state');
	t.throws(() => recordRuns({ ...store, folder }, given(1)), {
		message: /^cannot use the history '.*file\/state\/history\.sqlite': .*; VPMU_STATE names another folder$/,
	});
});

test('the usual duration of a cell is the median of its latest verdicts on this machine', t => {
	const store = newStore(t);
	t.deepEqual(usualDurations(store.folder, 'builder'), {});
	const timings = (totalMs: number) => ({ timings: { spawnMs: null, greetingMs: null, shellMs: null, totalMs } });
	const runs = nights(9, night => [
		{ more: timings(night === 8 ? 90_000 : night * 1000) },
		{ name: 'pmu/b', status: 'error', more: timings(1) },
	]);
	recordRuns(
		store,
		runs.map(results => ({ results, folder: '/f' })),
	);
	t.deepEqual(usualDurations(store.folder, 'builder'), { 'pmu/a[uniform,debian:trixie,virt]': 7000 });
	t.deepEqual(usualDurations(store.folder, 'other'), {});
	writeFileSync(store.file, 'x'.repeat(4096));
	t.deepEqual(usualDurations(store.folder, 'builder'), {});
	t.is(readFileSync(store.file, 'utf8').length, 4096, 'setting it aside is for those who can say so');
});

test('VPMU_STATE, XDG_STATE_HOME and HOME name the state folder, in this order', t => {
	t.is(stateFolder({ VPMU_STATE: '/a', XDG_STATE_HOME: '/b', HOME: '/c' }), '/a');
	t.is(stateFolder({ XDG_STATE_HOME: '/b', HOME: '/c' }), '/b/vpmu');
	t.is(stateFolder({ XDG_STATE_HOME: 'b', HOME: '/c', VPMU_CACHE: '/d' }), '/c/.local/state/vpmu');
	t.throws(() => stateFolder({ VPMU_STATE: 'a' }), { message: "VPMU_STATE is 'a', but must be an absolute path" });
});

const built = (key: string) => `/cache/roots/qemu-built-${key}/qemu-system-aarch64`;

test('a cell has one history whatever the path of its QEMU was when its runs were recorded', t => {
	const store = newStore(t);
	recordRuns(
		store,
		nights(3, night => [{ qemu: built(`${night}`) }, {}]).map(results => ({ results, folder: '/f' })),
	);
	const id = 'pmu/a[uniform,virt]';
	const found = readHistory(store, id);
	t.deepEqual(
		found.map(one => [one.id, one.cell]),
		[1, 2, 3].map(night => [id, `pmu/a[uniform,${built(`${night}`)},virt]`]),
	);
	t.deepEqual(readHistory(store, `pmu/a[uniform,${built('2')},virt]`), found, 'by the id that a run gave it');
	t.is(readHistory(store, 'pmu/a[uniform,debian:trixie,virt]').length, 3);
	t.is(readHistory(store, 'pmu/a').length, 6);
	// What other versions of vpmu read and write is as it was.
	const database = openDatabase(store.file);
	t.like(database.prepare('PRAGMA user_version').get(), { user_version: 1 });
	t.is(database.prepare('SELECT cell FROM cells WHERE cell LIKE ?').all('%built-3%').length, 1);
	database.close();
});

test('cells that only their builds of QEMU tell apart stay apart', t => {
	const store = newStore(t);
	const [results] = nights(1, () => [{ qemu: '/a/qemu' }, { qemu: '/b/qemu' }, { name: 'pmu/b', qemu: '/b/qemu' }]);
	recordRuns(store, [{ results: results!, folder: '/f' }]);
	t.deepEqual(
		readHistory(store)
			.map(one => one.id)
			.sort(),
		['pmu/a[uniform,/a/qemu,virt]', 'pmu/a[uniform,/b/qemu,virt]', 'pmu/b[uniform,virt]'],
	);
});

test('the usual duration of a cell is that of its latest verdicts with any build of QEMU', t => {
	const store = newStore(t);
	const runs = nights(9, night => [
		{
			qemu: built(`${night}`),
			more: { timings: { spawnMs: null, greetingMs: null, shellMs: null, totalMs: night * 1000 } },
		},
	]);
	recordRuns(
		store,
		runs.map(results => ({ results, folder: '/f' })),
	);
	t.deepEqual(usualDurations(store.folder, 'builder'), { 'pmu/a[uniform,virt]': 7000 });
});
