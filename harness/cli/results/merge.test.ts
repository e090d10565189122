import {
	existsSync,
	linkSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { cellOf, resultsWith } from '../../../src/report/testing/results.ts';
import { cellFolder, divisionName, type Results, RunFolder, readEvents, resultsOf } from '../../../src/run/index.ts';
import { temporaryFolder } from '../../../test/testing/vpmu.ts';
import { main } from '../../main.ts';

/** Runs a command line in this process. */
async function vpmu(cwd: string, ...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
	const [stdout, stderr] = [new PassThrough(), new PassThrough()];
	const texts = Promise.all(
		[stdout, stderr].map(async stream => Buffer.concat(await Array.fromAsync(stream)).toString()),
	);
	const status = await main(argv, {
		...{ stdin: new PassThrough(), stdout, stderr, cwd, signal: new AbortController().signal },
		env: { ...process.env, VPMU_CACHE: path.join(cwd, 'cache') },
	});
	stdout.end();
	stderr.end();
	const [out, err] = await texts;
	return { status, stdout: out!, stderr: err! };
}

const cells = (['pass', 'pass', 'fail', 'error'] as const).map((status, index) =>
	cellOf(status, { id: `pmu/a[${index}]`, reason: status, artifacts: { evil: '../../../etc/passwd' } }),
);

/** Makes two run folders, part-1 and part-2, with the first `count` cells. */
function writeParts(folder: string, count = 2): void {
	const given = cells.slice(0, count);
	const division = divisionName(
		given.map(({ id }, index) => [id, (index % 2) + 1]),
		2,
	);
	for (const index of [1, 2]) {
		const own = given.filter((_, place) => (place % 2) + 1 === index);
		using run = new RunFolder(path.join(folder, `part-${index}`));
		const at = '2026-01-01T00:00:00.000Z';
		run.append({
			...{ at, event: 'run-start' },
			run: { ...resultsWith([]).run, id: `p${index}`, shard: { index, count: 2, division } },
			cells: own.map(({ id, accel, machine }) => ({
				...{
					id,
					case: 'pmu/a',
					title: 'a',
					on: 'local',
					qemu: 'x',
					accel,
					machine,
					pmu: null,
					cpuPmu: null,
					skip: null,
				},
			})),
		});
		for (const result of own) {
			run.append({ at, event: 'cell-end', result });
			const place = path.join(folder, `part-${index}`, cellFolder(result.id));
			mkdirSync(path.join(place, 'attempt-1'), { recursive: true });
			writeFileSync(path.join(place, 'host-facts.json'), `{ "host": "lab-${index}" }`, { mode: 0o4777 });
			writeFileSync(path.join(place, 'attempt-1', 'perf.txt'), 'x');
		}
		run.append({ at, event: 'run-end', durationMs: 7, interrupted: false });
	}
}

const resultsIn = (folder: string) => JSON.parse(readFileSync(path.join(folder, 'results.json'), 'utf8')) as Results;

test('two parts become one run folder, with all reports, events, and the files of each cell', async t => {
	const folder = await temporaryFolder(t);
	writeParts(folder);
	const { status, stdout } = await vpmu(folder, 'merge', 'part-2', 'part-1', '--out', 'whole');
	t.is(status, 0);
	t.regex(stdout, /2 pass in 7 ms\nwhole\n$/);
	const whole = path.join(folder, 'whole');
	t.deepEqual(readdirSync(whole).sort(), ['cells', 'events.ndjson', 'junit.xml', 'report.html', 'results.json']);
	const results = resultsIn(whole);
	t.deepEqual(resultsOf(readEvents(whole)), results);
	for (const cell of results.cells) {
		t.deepEqual(Object.keys(cell.artifacts), ['host-facts.json'], 'what was copied, and nothing that was claimed');
		const facts = path.join(whole, cell.artifacts['host-facts.json']!);
		t.is(readFileSync(facts, 'utf8'), `{ "host": "lab-${cell.part}" }`);
		t.is(statSync(facts).mode & 0o7133, 0);
		t.true(existsSync(path.join(path.dirname(facts), 'attempt-1', 'perf.txt')));
	}
});

for (const [count, status] of [
	[3, 1],
	[4, 1],
] as const) {
	test(`it exits with ${status} where run would: ${count} cells`, async t => {
		const folder = await temporaryFolder(t);
		writeParts(folder, count);
		t.is((await vpmu(folder, 'merge', 'part-1', 'part-2', '--json')).status, status);
	});
}

test('an error alone exits with 69, an interrupted part with 130', async t => {
	const folder = await temporaryFolder(t);
	writeParts(folder);
	const events = path.join(folder, 'part-1', 'events.ndjson');
	const text = readFileSync(events, 'utf8');
	const lines = text.trimEnd().split('\n');
	writeFileSync(events, `${lines[0]}\n`);
	t.is((await vpmu(folder, 'merge', 'part-1', 'part-2', '--out', 'killed')).status, 69);
	writeFileSync(events, `${lines[0]}\n${lines[2]!.replace('"interrupted":false', '"interrupted":true')}\n`);
	t.is((await vpmu(folder, 'merge', 'part-1', 'part-2', '--out', 'interrupted')).status, 130);
	t.is(resultsIn(path.join(folder, 'interrupted')).summary.skip, 1);
});

/** Damages part-1 of two good parts, and merges them. */
async function refused(t: ExecutionContext, damage: (part: string, cell: string) => void, message: RegExp) {
	const folder = await temporaryFolder(t);
	writeParts(folder);
	damage(path.join(folder, 'part-1'), path.join(folder, 'part-1', cellFolder(cells[0]!.id)));
	const { status, stderr } = await vpmu(folder, 'merge', 'part-1', 'part-2', '--out', 'whole');
	t.is(status, 2, stderr);
	t.regex(stderr, message);
	t.is(stderr.trim().split('\n').length, 1);
}

for (const [what, damage, message] of [
	['a missing part', part => rmSync(part, { recursive: true }), /^vpmu: there is no run folder 'part-1'$/m],
	[
		'events that are a link',
		part => {
			rmSync(path.join(part, 'events.ndjson'));
			symlinkSync('/etc/passwd', path.join(part, 'events.ndjson'));
		},
		/it is a symbolic link/,
	],
	[
		'events with another name',
		part => linkSync(path.join(part, 'events.ndjson'), path.join(part, 'other')),
		/^vpmu: 'part-1' is not the folder of a run/,
	],
	['events that are damaged', part => writeFileSync(path.join(part, 'events.ndjson'), '{}\n'), /line 1 has 'event'/],
	[
		'cells in a linked folder',
		part => {
			rmSync(path.join(part, 'cells'), { recursive: true });
			symlinkSync('/etc', path.join(part, 'cells'));
		},
		/is not a folder$/m,
	],
	[
		'a cell with a linked folder',
		(_, cell) => {
			rmSync(cell, { recursive: true });
			symlinkSync('/etc', cell);
		},
		/is not a folder$/m,
	],
] as const satisfies readonly (readonly [string, (part: string, cell: string) => void, RegExp])[]) {
	test(`refused: ${what}`, t => refused(t, damage, message));
}

test('links in the folder of a cell are left out', async t => {
	const folder = await temporaryFolder(t);
	writeParts(folder);
	const cell = path.join(folder, 'part-1', cellFolder(cells[0]!.id));
	symlinkSync('/etc/passwd', path.join(cell, 'planted'));
	symlinkSync('/etc', path.join(cell, 'folder'));
	t.is((await vpmu(folder, 'merge', 'part-1', 'part-2', '--out', 'whole')).status, 0);
	t.deepEqual(readdirSync(path.join(folder, 'whole', cellFolder(cells[0]!.id))).sort(), [
		'attempt-1',
		'host-facts.json',
	]);
});

test('a plan is written, read, and refused when it was changed or does not fit', async t => {
	const folder = await temporaryFolder(t);
	const planned = await vpmu(folder, 'plan', 'choice/default', 'pmu/tcg-counts', '--shards', '3', '--out', 'plan.json');
	t.is(planned.status, 0, planned.stderr);
	t.regex(planned.stdout, /^division \w{16}: 45 cells in 3 parts \(15, 15, 15\)\n$/);
	const file = path.join(folder, 'plan.json');
	const list = async (...more: string[]) => await vpmu(folder, 'list', '--plan', file, ...more);
	const ids: string[] = [];
	for (const index of [1, 2, 3]) {
		const { stdout } = await list('--shard', `${index}/3`, '--json');
		ids.push(...(JSON.parse(stdout) as { id: string }[]).map(({ id }) => id));
	}
	t.is(new Set(ids).size, 45);
	for (const [more, message] of [
		[[], /^vpmu: option '--plan' needs '--shard I\/N'$/m],
		[['--shard', '1/2'], /'1\/2' of option '--shard' does not fit the plan '.*', which has 3 parts$/m],
		[['--shard', '1/3', 'choice/default'], /case 'choice\/default' cannot stand with '--plan'/],
		[['--shard', '1/3', '--cell', 'x'], /option '--cell' cannot stand with '--plan'/],
		[
			['--shard', '1/3', '--qemu', 'debian:sid'],
			/^vpmu: unknown cell 'choice\/default\[.*with the other options given/,
		],
	] as const) {
		const { status, stderr } = await list(...more);
		t.is(status, 2, more.join(' '));
		t.regex(stderr, message);
	}
	const text = readFileSync(file, 'utf8');
	for (const [changed, message] of [
		[text.replace('"shard": 2', '"shard": 1'), /was changed since 'vpmu plan' wrote it/],
		['', /'.*' of option '--plan' is empty/],
		['{}', /has 'schema' as nothing/],
	] as const) {
		writeFileSync(file, changed);
		const { status, stderr } = await list('--shard', '1/3');
		t.is(status, 2);
		t.regex(stderr, message);
	}
	const many = await vpmu(folder, 'plan', 'pmu/tcg-counts', '--shards', '2', '--out', 'plan.json');
	t.is(many.status, 2);
	t.regex(many.stderr, /'2' of option '--shards' leaves parts empty: there is 1 cell; allowed: 1 to 1/);
});
