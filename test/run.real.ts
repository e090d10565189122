import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import type { Results } from '../src/run/index.ts';

const bin = path.resolve(import.meta.dirname, '..', 'harness', 'bin.mjs');

/** Runs vpmu as a user does: in a process of its own and without AVA's environment. */
function vpmu(...argv: string[]) {
	return vpmuWith({}, ...argv);
}

function vpmuWith(more: NodeJS.ProcessEnv, ...argv: string[]) {
	const own = Object.entries(process.env).filter(([name]) => !/^(AVA|VPMU_(PLAN|BROKER|TEST))/.test(name));
	const env = { ...Object.fromEntries(own), ...more };
	return spawnSync(process.execPath, [bin, ...argv], { env, encoding: 'utf8', maxBuffer: 2 ** 28, timeout: 500_000 });
}

test.serial('a guest under TCG and guests under KVM on a board are predicted, observed and counted', t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const out = path.join(folder, 'run');
	const { status, stdout, stderr } = vpmu(
		'run',
		'pmu/tcg-counts',
		'pmu/default-counts',
		'pmu/cpu-pmu-off',
		'--json',
		'--out',
		out,
	);
	t.is(status, 0, stderr);
	const results: Results = JSON.parse(stdout);
	t.deepEqual(results, JSON.parse(readFileSync(path.join(out, 'results.json'), 'utf8')));
	t.is(results.summary.pass, results.cells.length);
	t.deepEqual(results.cells.map(cell => cell.accel).sort(), ['kvm', 'kvm', 'kvm', 'kvm', 'tcg']);
	for (const cell of results.cells) {
		const cycles = cell.perf.find(reading => reading.event === 'cycles');
		if (cell.cpuPmu === false) t.is(cycles?.state, 'not-supported', cell.id);
		else {
			t.is(cycles?.state, 'counted', cell.id);
			t.true(BigInt(cycles?.count ?? 0) > 0n, cell.id);
		}
		t.regex(cell.made?.image.key ?? '', /^guest-[0-9a-f]{20}$/);
		t.regex(cell.made?.qemu.buildId ?? '', /^[0-9a-f]{40}$/);
		for (const file of ['qemu', 'kernel', 'image'] as const) t.regex(cell.made?.[file].sha256 ?? '', /^[0-9a-f]{64}$/);
		t.is(cell.made?.boardKernel === null, cell.accel === 'tcg');
		const folderOfCell = path.dirname(cell.artifacts['argv.json']!);
		t.true(readFileSync(path.join(out, folderOfCell, 'perf.txt'), 'utf8').includes('cycles'));
	}
});

test.serial('under the variables of a CI engine that divides its jobs, a cell runs and passes', t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const engine = { CI: 'true', GITLAB_CI: 'true', CI_NODE_INDEX: '2', CI_NODE_TOTAL: '2', FORCE_COLOR: '1' };
	const { status, stderr } = vpmuWith(engine, 'run', 'pmu/tcg-counts', '--json', '--out', path.join(folder, 'run'));
	t.is(status, 0, stderr);
});

test.serial('runs are in the history; a damaged history is a note, and the run passes all the same', t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const state = { VPMU_STATE: path.join(folder, 'state') };
	const run = (name: string) => vpmuWith(state, 'run', 'pmu/tcg-counts', '--json', '--out', path.join(folder, name));
	const first = run('first');
	t.is(first.status, 0, first.stderr);
	const { stdout } = vpmuWith(state, 'history', '--format', 'json');
	const { run: ran, cells }: Results = JSON.parse(first.stdout);
	t.like(JSON.parse(stdout).cells[0], {
		...{ id: cells[0]!.id, verdicts: 1, boot: { median: cells[0]!.timings.shellMs } },
		last: { run: { id: ran.id, folder: path.join(folder, 'first') }, guestKernel: cells[0]!.kernels!.guest.release },
	});
	writeFileSync(path.join(folder, 'state', 'history.sqlite'), 'no database, and longer than nothing');
	const second = run('second');
	t.is(second.status, 0, second.stderr);
	t.regex(second.stderr, /^vpmu: note: the history '.*' was damaged \(file is not a database\) and is now '/m);
	t.is(JSON.parse(vpmuWith(state, 'history', '--format', 'json').stdout).cells[0].results.length, 1);
});

for (const [argv, message] of [
	[['run', 'no-such-case'], /unknown case 'no-such-case'/],
	[['run', '--on', 'board:biglitle'], /unknown topology 'biglitle' of option --on \(did you mean 'biglittle'\?\)/],
	[['run', '--qemu', '/no/such/qemu'], /'\/no\/such\/qemu' of option '--qemu' does not exist/],
	[['run', '--machine', 'virt-99.9'], /unknown machine type 'virt-99\.9'/],
	[['run', '--wrong'], /unknown option '--wrong' of 'vpmu run'/],
] as const) {
	test.serial(`refused in one sentence with status 2, and nothing starts: ${argv.join(' ')}`, t => {
		const { status, stdout, stderr } = vpmu(...argv);
		t.is(status, 2);
		t.regex(stderr, message);
		t.is(stderr.trim().split('\n').length, 1);
		t.is(stdout, '');
	});
}
