import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { type CellSketch, runOf } from '../../../src/compare/testing/cells.ts';
import { main } from '../../main.ts';

/** A lab's folder, with runs of some nights. */
function newLab(t: ExecutionContext) {
	const outer = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(outer, { recursive: true }));
	// A name that a shell would read otherwise.
	const folder = path.join(outer, "the lab's $folder");
	mkdirSync(folder);
	const env = { ...process.env, VPMU_CACHE: path.join(folder, 'cache'), VPMU_STATE: path.join(folder, 'state') };
	const vpmu = async (...argv: string[]) => {
		const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
		const world = { stdin: new PassThrough(), ...streams, cwd: folder, signal: new AbortController().signal, env };
		const status = await main(argv, world);
		return { status, stdout: String(streams.stdout.read() ?? ''), stderr: String(streams.stderr.read() ?? '') };
	};
	/** Writes a run folder; its run started so many hours ago, with QEMU of this commit. */
	const write = (id: string, hoursAgo: number, commit: string | undefined, ...cells: readonly CellSketch[]) => {
		const { run, ...made } = runOf(...cells);
		const startedAt = new Date(Date.now() - hoursAgo * 3_600_000).toISOString();
		const labels = commit === undefined ? {} : { labels: { commit } };
		mkdirSync(path.join(folder, id), { recursive: true });
		const results = { ...made, run: { ...run, id, startedAt, ...labels } };
		writeFileSync(path.join(folder, id, 'results.json'), JSON.stringify(results));
	};
	const read = (name: string) => readFileSync(path.join(folder, 'vpmu-night', name), 'utf8');
	const has = (name: string) => existsSync(path.join(folder, 'vpmu-night', name));
	return { folder, vpmu, write, read, has };
}

const fail = { status: 'fail', reason: 'no cycles' } as const;
const away = { status: 'error', reason: 'the host was away' } as const;
const cell = (name: string) => `pmu/${name}[uniform,debian:trixie,virt]`;

test('a failure is a regression only if it fails again; one that passes is none, one without a verdict is neither', async t => {
	const { vpmu, write, read, has } = newLab(t);
	const names = ['pmu/a', 'pmu/b', 'pmu/c', 'pmu/red', 'pmu/fixed', 'pmu/lost'] as const;
	const night = (...more: readonly object[]) => names.map((name, at) => ({ name, ...more[at] }));
	for (const [id, hours] of [
		['one', 100],
		['two', 76],
		['three', 52],
	] as const) {
		write(id, hours, undefined, ...night({}, {}, {}, fail, fail, {}));
		const { status } = await vpmu('history', 'night', id, '--later');
		t.is(status, id === 'one' ? 69 : 1, 'a failure that was confirmed in another night is one');
	}
	t.false(has('again.txt'), 'what failed in earlier nights does not run again');
	write('tonight', 28, undefined, ...night(fail, fail, fail, fail, {}, away));
	const first = await vpmu('history', 'night', 'tonight', '--later');
	t.is(first.status, 1, 'one cell is red');
	t.is(read('again.txt'), `${cell('a')}\n${cell('b')}\n${cell('c')}\n`);
	t.regex(first.stdout, /^3 not confirmed, 1 fixed, 1 without a verdict, 1 red as before\n/);
	write('again', 27, undefined, { name: 'pmu/a', ...fail }, { name: 'pmu/b' }, { name: 'pmu/c', ...away });
	const second = await vpmu('history', 'night', 'tonight', '--again', 'again', '--name', 'lab');
	t.is(second.status, 1, second.stderr);
	t.regex(
		second.stdout,
		/^lab: 1 new failure, 1 not confirmed, 1 passed when run again, 1 fixed, 1 without a verdict, 1 red as\sbefore\n/,
	);
	t.false(has('again.txt'));
	const told = read('new.md');
	t.regex(
		told,
		/New: failed twice[\s\S]*pmu\/a[\s\S]*Failed, not confirmed by a second run[\s\S]*pmu\/c[\s\S]*the host was away/,
	);
	t.regex(told, /Fixed[\s\S]*pmu\/fixed[\s\S]*No verdict[\s\S]*pmu\/lost[\s\S]*Red as before: 1 cell \(pmu\/red/);
	for (const line of read('new.txt').split('\n')) t.true(line.length <= 72 || !line.includes(' '), line);

	write('tomorrow', 4, undefined, ...night(fail, {}, fail, fail, {}, away));
	const tomorrow = await vpmu('history', 'night', 'tomorrow');
	t.is(tomorrow.status, 1);
	t.regex(
		tomorrow.stdout,
		/^1 new failure, 2 red as before\n/,
		'pmu/c failed in two nights; what was told is not news',
	);
	t.regex(read('new.md'), /pmu\/c/);
	t.notRegex(read('new.md').split('Red as before')[0]!, /pmu\/a|pmu\/lost/);
});

test('without news there is nothing to post; a cell that passes the second time does not fail the run', async t => {
	const { vpmu, write, has } = newLab(t);
	write('one', 30, undefined, {}, { name: 'pmu/b' });
	t.is((await vpmu('history', 'night', 'one')).status, 0);
	t.false(has('new.md') || has('new.txt'));
	write('two', 6, undefined, {}, { name: 'pmu/b', ...fail });
	write('again', 5, undefined, { name: 'pmu/b' });
	const { status, stdout } = await vpmu('history', 'night', 'two', '--again', 'again');
	t.is(status, 0);
	t.regex(stdout, /^1 passed when run again\n/);
	t.true(has('new.txt'));
	write('again', 5, undefined, { name: 'pmu/b', ...away });
	write('three', 1, undefined, {}, { name: 'pmu/b', ...fail });
	t.is((await vpmu('history', 'night', 'three', '--later')).status, 69, 'not confirmed is not failed');
	t.regex((await vpmu('history', 'night', 'three', '--later')).stdout, /^1 not confirmed\n/, 'twice is as once');
});

test('a cell keeps its history when QEMU is built elsewhere, and runs again with the QEMU of this run', async t => {
	const { vpmu, write, read } = newLab(t);
	write('one', 30, undefined, { qemu: '/builds/1/qemu-system-aarch64' });
	await vpmu('history', 'night', 'one');
	const qemu = '/builds/2/qemu-system-aarch64';
	write('two', 6, undefined, { qemu, ...fail });
	t.is((await vpmu('history', 'night', 'two', '--later')).status, 69);
	t.is(read('again.txt'), `pmu/a[uniform,${qemu},virt]\n`);
	t.regex(read('new.txt'), /last good: run one of/);
	write('again', 5, undefined, { qemu, ...fail });
	t.regex((await vpmu('history', 'night', 'two', '--again', 'again')).stdout, /^1 new failure\n/);
});

test('of two builds of QEMU in one run, the second run of one counts in the history of that one', async t => {
	const { vpmu, write } = newLab(t);
	const [old, next] = ['/builds/old/qemu', '/builds/next/qemu'];
	write('one', 60, undefined, { qemu: old }, { qemu: next });
	await vpmu('history', 'night', 'one');
	write('two', 30, undefined, { qemu: old }, { qemu: next, ...fail });
	write('again', 29, undefined, { qemu: next });
	t.regex((await vpmu('history', 'night', 'two', '--again', 'again')).stdout, /^1 passed when run again\n/);
	write('three', 6, undefined, { qemu: old }, { qemu: next, ...fail });
	t.regex((await vpmu('history', 'night', 'three', '--later')).stdout, /^1 not confirmed\n/, 'it was good in between');
});

test('a place that there is not is refused before anything else', async t => {
	const { vpmu, has } = newLab(t);
	const { status, stderr } = await vpmu('history', 'night', 'none', '--on', 'ssh://-oProxyCommand=x');
	t.is(status, 2);
	t.regex(stderr, /unknown place 'ssh:\/\/-oProxyCommand=x' of option '--on'/);
	t.false(has('new.md'));
});

test('a QEMU that is gone when its cells run again leaves the news, and is named', async t => {
	const { vpmu, write, read } = newLab(t);
	write('one', 30, undefined, {});
	await vpmu('history', 'night', 'one');
	write('two', 6, undefined, fail);
	const { status, stderr } = await vpmu('history', 'night', 'two', '--qemu', '/none/qemu');
	t.is(status, 2);
	t.regex(stderr, /'\/none\/qemu'/);
	t.regex(read('new.txt'), /^1 not confirmed[\s\S]*second run:[\s\S]*'\/none\/qemu'/);
});

test('bisect.sh finds the commit that broke a cell, skips one that does not build, and adds it to what is posted', async t => {
	const { folder, vpmu, write, read, has } = newLab(t);
	const git = (...argv: string[]) =>
		execFileSync('git', ['-C', path.join(folder, 'tree'), ...argv], { encoding: 'utf8' }).trim();
	mkdirSync(path.join(folder, 'tree'));
	git('init', '--quiet');
	for (const [name, value] of [
		['user.name', "A <b> 'c'"],
		['user.email', 'a@example.org'],
	] as const) {
		git('config', name, value);
	}
	const commits = ['good', 'good', 'broken', 'good', 'bad', 'bad', 'bad'].map((state, at) => {
		writeFileSync(path.join(folder, 'tree', 'state'), `${state} ${at}\n`);
		git('add', 'state');
		git('commit', '--quiet', '--message', `commit ${at} <LAVA_SIGNAL> \u001b[31m`);
		return git('rev-parse', 'HEAD');
	});
	write('one', 30, commits[0], {}, { name: 'pmu/b' });
	await vpmu('history', 'night', 'one');
	write('two', 6, commits.at(-1), fail, { name: 'pmu/b' });
	write('again', 5, undefined, fail);
	const build = ['--build', 'cd tree && cp state ../built', '--build', '! grep -q broken state'];
	const label = ['--label', `commit=${commits.at(-1)}`, '--label', 'lab=north'];
	const { stdout } = await vpmu('history', 'night', 'two', '--again', 'again', '--tree', 'tree', ...build, ...label);
	t.regex(stdout, /'sh vpmu-night\/bisect\.sh' finds the commit that broke it/);
	// A fake vpmu: bad if what was built is.
	const script = read('bisect.sh').replace(/exec .* --cell /, 'exec sh fake-vpmu ');
	t.regex(read('bisect.sh'), /bin\.mjs run --bisect /);
	t.false(read('bisect.sh').includes('--label'), "a step of a bisection is not the night's commit");
	writeFileSync(path.join(folder, 'vpmu-night', 'bisect.sh'), script);
	writeFileSync(path.join(folder, 'fake-vpmu'), `test "$1" = '${cell('a')}' || exit 128; ! grep -q bad built\n`);
	const ran = spawnSync('sh', ['vpmu-night/bisect.sh'], { cwd: folder, encoding: 'utf8' });
	t.is(ran.status, 0, `${ran.stdout}${ran.stderr}`);
	const found = `${cell('a')}: first bad commit ${commits[4]!.slice(0, 7)}`;
	t.true(ran.stdout.startsWith(found), ran.stdout);
	t.true(read('new.txt').includes(`\n${found}`));
	t.true(read('new.md').includes(`\n    ${found}`), 'a block of code');
	t.false(read('new.txt').includes('\u001b'));
	t.is(git('rev-parse', 'HEAD'), commits.at(-1)!, 'the tree is as it was');
	t.false(existsSync(path.join(folder, 'tree/.git/BISECT_LOG')));

	for (const [id, hours, commit, why] of [
		['three', 3, commits.at(-1), undefined],
		['four', 2, '--exec=reboot', /note: nothing to bisect: run four has no label 'commit' that names a commit/],
		['five', 1, commits[0], /note: nothing to bisect: '.*' was good and failed with the same commit/],
	] as const) {
		write(id, hours, commit, why === undefined ? {} : fail);
		write(`${id}-again`, hours - 0.5, undefined, fail);
		if (commit === undefined || why === undefined) await vpmu('history', 'night', id);
		else {
			write(`${id}-before`, hours + 0.4, commits[0], {});
			await vpmu('history', 'import', `${id}-before`);
			const argv = ['history', 'night', id, '--again', `${id}-again`, '--tree', 'tree'];
			t.regex((await vpmu(...argv)).stderr, why);
			t.false(has('bisect.sh'));
		}
	}
});

test('what cannot be judged is refused in a sentence', async t => {
	const { vpmu, write } = newLab(t);
	write('one', 1, undefined, {});
	for (const [argv, reason] of [
		[['none'], /there is no run folder 'none'/],
		[['one', '--later', '--again', 'one'], /option '--later' cannot stand with '--again RUN'/],
		[['one', '--build', 'make'], /option '--build' needs '--tree DIR'/],
		[['one', '--out', '/proc/none'], /cannot write into '\/proc\/none' \(--out\): /],
	] as const) {
		const { status, stderr } = await vpmu('history', 'night', ...argv);
		t.is(status, 2, stderr);
		t.regex(stderr, reason);
	}
});
