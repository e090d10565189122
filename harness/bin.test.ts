import { spawnSync } from 'node:child_process';
import {
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { everyStatus } from '../src/report/testing/results.ts';
import { losses, shellLine } from '../test/testing/shell-line.ts';
import { userEnvironment } from '../test/testing/vpmu.ts';
import { commandFile, packageFolder } from './usage/places.ts';

const outside = userEnvironment();

function temporaryFolder(t: ExecutionContext): string {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

test('compiled code is kept in the cache, but vpmu also starts without it', async t => {
	t.timeout(300_000);
	const folder = temporaryFolder(t);
	const help = (cache: string) => shellLine(['--help'], '', { VPMU_CACHE: cache });
	const first = await help(folder);
	t.regex(first.stdout, /^Usage: vpmu COMMAND/);
	t.deepEqual(readdirSync(folder), ['compiled']);
	t.true(readdirSync(path.join(folder, 'compiled'), { recursive: true }).length > 1);
	// Commands that use the cache refuse a relative path in a sentence; nothing is written.
	t.is((await help('relative')).stdout, first.stdout);
	t.deepEqual(await help('/dev/null/cache'), { status: 0, stdout: first.stdout, stderr: '' });
});

test('the version is printed without loading vpmu: no compiled code, no cache', async t => {
	t.timeout(300_000);
	const folder = path.join(temporaryFolder(t), 'cache');
	const { version } = JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8'));
	t.deepEqual(await shellLine(['--version'], '', { VPMU_CACHE: folder }), {
		status: 0,
		stdout: `${version}\n`,
		stderr: '',
	});
	t.false(existsSync(folder));
});

for (const loss of ['stdout that ends at once', 'full disks for all', 'all closed'] as const) {
	test(`${loss}: statuses do not change, and a run writes its results`, async t => {
		t.timeout(300_000);
		const folder = temporaryFolder(t);
		const write = (name: string, text: string) => {
			mkdirSync(path.join(folder, name));
			writeFileSync(path.join(folder, name, 'results.json'), text);
			return path.join(folder, name);
		};
		const run = write('run', JSON.stringify(everyStatus));
		const worse = write('worse', JSON.stringify(everyStatus).replaceAll('"status":"pass"', '"status":"fail"'));
		const out = path.join(folder, 'out');
		for (const [argv, wanted] of [
			[['--version'], 0],
			[['lits'], 2],
			[['list'], 0],
			[['compare', run, worse], 1],
			// None of its cells can run on that board, so nothing starts.
			[['run', 'pmu/biglittle-moved', '--on', 'board:uniform', '--out', out], 69],
		] as const) {
			t.is((await shellLine(argv, losses[loss], outside)).status, wanted, argv.join(' '));
		}
		const { summary } = JSON.parse(readFileSync(path.join(out, 'results.json'), 'utf8'));
		t.true(summary.skip > 0);
		for (const name of ['junit.xml', 'report.html', 'events.ndjson']) t.true(existsSync(path.join(out, name)), name);
	});
}

test('a full disk is reported once, where that is possible', async t => {
	t.timeout(300_000);
	const { stderr } = await shellLine(['list'], '>/dev/full', {});
	t.regex(stderr, /^vpmu: standard output is lost: .*no space left.*\n$/);
	t.is((await shellLine(['list'], '| true')).stderr, '');
});

test('a TMPDIR that is not a writable folder is bad input for every command', async t => {
	t.timeout(300_000);
	const file = path.join(temporaryFolder(t), 'file');
	writeFileSync(file, '');
	for (const [TMPDIR, why] of [
		['/nonexistent', 'does not exist'],
		[file, 'is not a folder|cannot be written'],
		[path.join(file, 'below'), 'is not a folder'],
		['/proc', 'cannot be written|read-only|is not|does not'],
	] as const) {
		for (const argv of [['list'], ['doctor'], ['inspect', '--qemu', 'debian:trixie'], ['run'], ['board', 'list']]) {
			const { status, stderr } = await shellLine(argv, '', { TMPDIR });
			if (TMPDIR === '/proc' && status !== 2) continue;
			t.is(status, 2, argv.join(' '));
			t.regex(stderr, new RegExp(`^vpmu: '${TMPDIR}' of the environment variable TMPDIR (${why})[^\\n]*\\n$`));
		}
		t.is((await shellLine(['--version'], '', { TMPDIR })).status, 0);
		t.is((await shellLine(['--help'], '', { TMPDIR })).status, 0);
	}
});

test('a defect of vpmu itself is never reported as a failed case: 69', async t => {
	t.timeout(300_000);
	const thrownLate = `process.on('newListener', name => name === 'uncaughtException' && setImmediate(() => { throw new Error('late'); }))`;
	const late = await shellLine(['list'], '', {
		NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(thrownLate)}`,
	});
	t.is(late.status, 69);
	t.regex(late.stderr, /^vpmu: a defect of vpmu itself: Error: late/);
	const rejected = thrownLate.replace('throw new', 'Promise.reject(new').replace("('late')", "('late'))");
	const unheard = await shellLine(['list'], '', {
		NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(rejected)}`,
	});
	t.like(unheard, { status: 69 });

	const folder = temporaryFolder(t);
	mkdirSync(path.join(folder, 'harness'));
	writeFileSync(path.join(folder, 'package.json'), '{ "version": "0", "type": "module" }');
	for (const name of ['bin.mjs', 'launch.mjs']) {
		copyFileSync(path.join(packageFolder, 'harness', name), path.join(folder, 'harness', name));
	}
	const copy = path.join(folder, 'harness', 'bin.mjs');
	for (const [main, why] of [
		['export const start = ;', /SyntaxError/],
		["import './nowhere.ts'; export async function start() {}", /nowhere/],
		["export async function start() { throw new Error('early'); }", /early/],
		['export async function start() { await new Promise(() => undefined); }', /^/],
	] as const) {
		writeFileSync(path.join(folder, 'harness', 'main.ts'), main);
		const { status, stderr } = spawnSync(process.execPath, [copy, 'list'], { env: outside, encoding: 'utf8' });
		t.is(status, 69, main);
		t.regex(stderr, why);
	}
});

test('--version takes at most 1.5 times as long as bare Node, so Node starts once', async t => {
	t.timeout(300_000);
	t.timeout(300_000);
	const empty = path.join(temporaryFolder(t), 'empty.mjs');
	writeFileSync(empty, '');
	// The minimum of many runs approximates the work itself, since other load only adds time.
	const timed = (argv: readonly string[]) => {
		const startedAt = performance.now();
		spawnSync(process.execPath, argv, { env: outside });
		return performance.now() - startedAt;
	};
	let [bare, version] = [Infinity, Infinity];
	for (let round = 0; round < 60; round++) {
		bare = Math.min(bare, timed([empty]));
		version = Math.min(version, timed([commandFile, '--version']));
		if (round >= 10 && version <= 1.5 * bare) break;
	}
	t.true(version <= 1.5 * bare, `${version.toFixed(1)} ms, Node ${bare.toFixed(1)} ms`);
	t.log(`${(version / bare).toFixed(2)} times Node's ${bare.toFixed(1)} ms`);
});

test('with umask 000, others cannot write to anything that vpmu makes', t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const cache = path.join(folder, 'cache');
	const listed = spawnSync('sh', ['-c', 'umask 000; exec "$@"', 'sh', process.execPath, commandFile, 'image', 'list'], {
		env: { ...process.env, VPMU_CACHE: cache },
		encoding: 'utf8',
	});
	t.is(listed.status, 0, listed.stderr);
	const open = readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter(
		name => (statSync(path.join(cache, name)).mode & 0o022) !== 0,
	);
	t.deepEqual(open, []);
	t.is(statSync(cache).mode & 0o022, 0);
});
