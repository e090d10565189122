import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { type CellSketch, runOf } from '../../../src/compare/testing/cells.ts';
import { main } from '../../main.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
test.after.always(() => rmSync(folder, { recursive: true }));

/** Runs a command line in this process. */
async function vpmu(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
	const [stdout, stderr] = [new PassThrough(), new PassThrough()];
	const status = await main(argv, {
		...{ stdin: new PassThrough(), stdout, stderr, cwd: folder, signal: new AbortController().signal },
		env: { ...process.env, VPMU_CACHE: path.join(folder, 'cache') },
	});
	return { status, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

function write(name: string, ...cells: readonly CellSketch[]) {
	mkdirSync(path.join(folder, name), { recursive: true });
	writeFileSync(path.join(folder, name, 'results.json'), JSON.stringify(runOf(...cells)));
}

test.serial('exit 1 on a regression only: not on a fix, a new cell, or another prediction', async t => {
	write('good', {}, { name: 'pmu/b', status: 'fail', reason: 'bad' });
	write('worse', { status: 'fail', reason: 'it broke' }, { name: 'pmu/b', status: 'fail', reason: 'bad' });
	write('better', {}, { name: 'pmu/b' }, { name: 'pmu/c', status: 'fail', reason: 'new' });
	write('lost', { status: 'error', reason: 'the board died' }, { name: 'pmu/b', status: 'fail', reason: 'bad' });
	t.is((await vpmu('compare', 'good', 'good')).status, 0);
	t.is((await vpmu('compare', 'good', 'better')).status, 0);
	const worse = await vpmu('compare', 'good', 'worse');
	t.is(worse.status, 1);
	t.regex(worse.stdout, /^1 regression, 1 unchanged \(1 of them fails on both sides\)\n/);
	t.regex(
		worse.stdout,
		/\nregression: pmu\/a\[uniform,debian:trixie,virt\]: pass became fail: it broke\n {4}\$ npx vpmu run --cell/,
	);
	const lost = await vpmu('compare', 'good', 'lost');
	t.is(lost.status, 69, 'what the infrastructure hides is no success');
	t.regex(lost.stdout, /undecided: pmu\/\S+: pass became error: the board died/);
});

test.serial(
	'a baseline is written once, reads as a diff of cells, and stands for the runs that it is made of',
	async t => {
		for (let run = 1; run <= 4; run++) write(`run${run}`, { bootMs: 1000 + run }, { name: 'pmu/b', status: 'error' });
		const written = await vpmu('compare', '--write-baseline', 'base.json', 'run1', 'run2', 'run3', 'run4');
		t.is(written.status, 0, written.stderr);
		t.is(written.stderr, 'base.json: 1 cell of 4 runs; 1 without a verdict are left out\n');
		const text = readFileSync(path.join(folder, 'base.json'), 'utf8');
		t.is(text.split('\n').filter(line => line.includes('"pmu/a[')).length, 1);
		for (let run = 1; run <= 4; run++) write(`slow${run}`, { bootMs: 2000 + run });
		const more = ['slow2', 'slow3', 'slow4'].flatMap(name => ['--after', name]);
		const slow = await vpmu('compare', '--baseline', 'base.json', 'slow1', ...more);
		t.is(slow.status, 0, slow.stderr);
		t.regex(slow.stdout, /measured: time to boot on uniform: \+99\.8 %/);
		t.deepEqual(await vpmu('compare', 'base.json', 'slow1', ...more), slow);
		write('failing', { status: 'fail', reason: 'x' });
		t.is((await vpmu('compare', '--baseline', 'base.json', 'failing')).status, 1);
	},
);

test.serial('a baseline leaves out what an interrupt or the infrastructure took', async t => {
	write(
		'cut',
		{},
		{ name: 'pmu/b', status: 'skip', reason: 'interrupted before it ran' },
		{ name: 'pmu/c', status: 'error' },
	);
	const written = await vpmu('compare', '--write-baseline', 'cut.json', 'cut');
	t.is(written.stderr, 'cut.json: 1 cell of 1 run; 2 without a verdict are left out\n');
	const { cells } = JSON.parse(readFileSync(path.join(folder, 'cut.json'), 'utf8'));
	t.deepEqual(
		cells.map((cell: { identity: { case: string } }) => cell.identity.case),
		['pmu/a'],
	);
});

test.serial('a run named twice on one side is refused: it is one measurement', async t => {
	write('once', { bootMs: 1000 });
	write('other', { bootMs: 2000 });
	cpSync(path.join(folder, 'other'), path.join(folder, 'copy'), { recursive: true });
	for (const argv of [
		['once', 'other', '--after', './other'],
		['once', 'other', '--after', 'copy'],
		['other', 'once', '--before', 'copy'],
		['--write-baseline', 'twice.json', 'other', 'copy'],
	]) {
		const { status, stderr } = await vpmu('compare', ...argv);
		t.is(status, 2, argv.join(' '));
		t.regex(stderr, /^vpmu: '\S+' and '\S+' are the same run; name each run of a side once\n$/);
	}
	t.false(existsSync(path.join(folder, 'twice.json')));
	t.is((await vpmu('compare', 'other', 'copy')).status, 0, 'a run may be compared with itself');
});

test.serial('runs without a common cell are not told as free of regressions', async t => {
	write('one-case', {});
	write('another-case', { name: 'pmu/c' });
	write('both-cases', {}, { name: 'pmu/c' });
	const { status, stdout } = await vpmu('compare', 'one-case', 'another-case');
	t.is(status, 69);
	t.regex(stdout, /^nothing compared, 1 new, 1 gone, 0 unchanged\n/);
	t.is((await vpmu('compare', 'one-case', 'both-cases')).status, 0);
	t.is((await vpmu('compare', 'both-cases', 'one-case')).status, 0);
});

test.serial('each format renders, and verbose names each cell', async t => {
	write('a', {}, { axes: ['pmu=1'] });
	write('b', { status: 'fail', reason: 'x' }, { axes: ['pmu=1'], status: 'fail', reason: 'x' });
	t.is(JSON.parse((await vpmu('compare', 'a', 'b', '--format', 'json')).stdout).schema, 'vpmu-comparison/1');
	t.is(
		(await vpmu('compare', 'a', 'b', '--json')).stdout,
		(await vpmu('compare', 'a', 'b', '--format', 'json')).stdout,
	);
	t.regex((await vpmu('compare', 'a', 'b', '--format', 'html')).stdout, /^<!DOCTYPE html>[\s\S]*<\/html>\n$/);
	t.regex((await vpmu('compare', 'a', 'b', '--format', 'markdown')).stdout, /^# 2 regressions,/);
	const mail = (await vpmu('compare', 'a', 'b', '--format', 'mail')).stdout;
	t.deepEqual(
		mail.split('\n').filter(line => line.length > 72),
		[],
	);
	const ids = (text: string) => text.match(/pmu\/a\[uniform,debian:trixie,virt/g)?.length ?? 0;
	t.is(ids((await vpmu('compare', 'a', 'b', '--verbose')).stdout), 3);
	t.is(ids((await vpmu('compare', 'a', 'b')).stdout), 1);
});

/** What a patch with the PMU choice changes on boards, as in a real pair of runs. */
function writeBuilds(): void {
	const program = (key: number) => `/cache/roots/qemu-built-${key}00000000000000/qemu-system-aarch64`;
	const hosts = ['uniform', 'overlap', 'offline', 'stock', 'biglittle', 'partial', 'none', 'swapped'];
	const plain = ['asked-twice', 'default', 'slope', 'samples'].flatMap(name =>
		hosts.flatMap(place => ['virt', 'virt-9.2'].map(machine => ({ name: `choice/${name}`, place, machine }))),
	);
	const odd = ['pmu=9999', 'pmu=-1', 'pmu=text'].map(axis => ({ name: 'choice/bad-values', axes: [axis] }));
	const off = hosts.slice(4, 7).map(place => ({ name: 'choice/no-backend', place, axes: ['cpu.pmu=off'] }));
	const qemu = (key: number): CellSketch => ({
		...{ qemu: program(key), more: { qemu: { version: '10.0.13', path: program(key), hasPmuChoice: key === 2 } } },
	});
	const reason = `needs a QEMU with the PMU choice; ${program(1)} does not know the trace event kvm_arm_set_pmu`;
	const skipped: CellSketch = { status: 'skip', reason };
	write(
		'unpatched',
		...[...plain, ...off, { name: 'pmu/properties-readable' }].map(cell => ({ ...cell, ...qemu(1) })),
		...odd.map(cell => ({ ...cell, ...qemu(1), ...skipped })),
	);
	const source = { backend: 'event-source', type: 10, name: 'armv8_pmuv3', rule: 'covers-all' };
	const finding = (text: string): CellSketch => ({ status: 'xfail', reason: `finding ${text}` });
	write(
		'patched',
		...plain.map(cell => ({
			...{ ...cell, ...qemu(2) },
			predicted:
				cell.machine !== 'virt'
					? { backend: 'default', rule: 'backcompat' }
					: hosts.indexOf(cell.place) < 4
						? source
						: { backend: 'none', rule: 'no-cover' },
		})),
		...off.map(cell => ({
			...{ ...cell, ...qemu(2) },
			...finding('F8: -cpu host,pmu=off is refused where no backend exists, though it asks for what is there'),
		})),
		{
			...{ name: 'pmu/properties-readable', ...qemu(2) },
			...finding('F10: qom-list-properties of kvm-accel ends a running QEMU'),
		},
		...odd.map((cell, at) => ({
			...{ ...cell, ...qemu(2) },
			...(at === 1 ? finding('F2: a pmu value beyond 32 bits, or a negative one, is silently taken for unset') : {}),
		})),
	);
}

test.serial('what a patch changes fits a screen, whole sentences, and nothing that it does not change', async t => {
	writeBuilds();
	const { status, stdout } = await vpmu('compare', 'unpatched', 'patched');
	t.is(status, 1);
	const lines = stdout.trimEnd().split('\n');
	t.true(lines.length <= 24, stdout);
	const said = lines.filter(line => !/^ {4}/.test(line));
	for (const line of said) t.true(line.length <= 100 && !line.includes('...'), line);
	t.is(
		said.join('\n'),
		`4 regressions, 1 with a known finding, 32 predicted otherwise, 2 no longer skipped, 32 unchanged
before  QEMU 10.0.13 without the PMU choice (qemu-built-100000000000000); 71 cells on 8 hosts
after   QEMU 10.0.13 with the PMU choice (qemu-built-200000000000000); 71 cells on 8 hosts
regression: 3 cells on biglittle, none, partial; for virt; with cpu.pmu=off: finding F8: -cpu
  host,pmu=off is refused where no backend exists, though it asks for what is there
regression: pmu/properties-readable[uniform,virt]: finding F10: qom-list-properties of kvm-accel
  ends a running QEMU
finding: choice/bad-values[uniform,virt,pmu=-1]: F2: a pmu value beyond 32 bits, or a negative one,
  is silently taken for unset
prediction: 16 cells on 4 hosts; for virt; without further options: default became event source
  armv8_pmuv3: it covers all host CPUs
prediction: 16 cells on 4 hosts; for virt; without further options: default became none: nothing
  covers all host CPUs
runs: 2 cells on uniform; for virt; with pmu=9999 or pmu=text: pass now; skipped before: needs a
  QEMU with the PMU choice; qemu-system-aarch64 does not know the trace event kvm_arm_set_pmu
rule: 32 cells for virt-9.2: default, as before: set by the machine type or backcompat-pmu=on`,
	);
	const markdown = await vpmu('compare', 'unpatched', 'patched', '--format', 'markdown');
	t.is(markdown.stdout.match(/^- \*\*/gm)?.length, 7);
	const verbose = await vpmu('compare', 'unpatched', 'patched', '--verbose');
	t.true(verbose.stdout.includes('    - choice/default[uniform,virt-9.2]\n'), 'cells without the path of their build');
});

test.serial('sentences are whole while the screen has room', async t => {
	const reason = 'a reason that goes on and on '.repeat(12).trim();
	write('calm', {}, { name: 'pmu/b', status: 'skip', reason });
	write('long', { status: 'fail', reason: `it broke: ${reason}` }, { name: 'pmu/b' });
	const { stdout } = await vpmu('compare', 'calm', 'long');
	const said = stdout.replaceAll(/\s+/g, ' ');
	t.true(said.includes(`it broke: ${reason}`) && said.includes(`skipped before: ${reason}`), stdout);
});

test.serial('cells of several builds keep the paths that tell them apart', async t => {
	const builds = (status: 'pass' | 'fail'): CellSketch[] =>
		['/a/qemu', '/b/qemu'].flatMap(qemu =>
			['1', '2'].map(pmu => ({ qemu, status, reason: 'x', axes: [`pmu=${pmu}`] })),
		);
	write('two', ...builds('pass'));
	write('fail', ...builds('fail'));
	const { stdout } = await vpmu('compare', 'two', 'fail', '--verbose');
	for (const qemu of ['/a/qemu', '/b/qemu']) t.true(stdout.includes(`- pmu/a[uniform,${qemu},virt,pmu=1]`), stdout);
});

test.serial('what cannot be compared is refused in a sentence that says what is allowed', async t => {
	write('one', {});
	writeFileSync(path.join(folder, 'text.json'), '{"schema":"vpmu-baseline/9"}');
	for (const [argv, reason] of [
		[['one'], /takes two runs, BEFORE and AFTER/],
		[['one', 'one', 'one'], /takes two runs/],
		[['one', 'none'], /there is no run folder 'none'/],
		[['text.json', 'one'], /'text\.json' has 'schema' as "vpmu-baseline\/9"; allowed: "vpmu-baseline\/1"/],
		[['--baseline', 'none.json', 'one'], /there is no baseline 'none\.json'/],
		[['--baseline', 'one', 'one'], /'one' is not a baseline/],
		[['--baseline', 'text.json', 'one', 'one'], /takes one run/],
		[['text.json', 'one', '--before', 'one'], /'text\.json' is a file: a baseline stands alone on its side/],
		[
			['--write-baseline', 'x', '--baseline', 'x', 'one'],
			/option '--write-baseline' cannot stand with '--baseline FILE'/,
		],
		[
			['--write-baseline', 'x', '--format', 'json', 'one'],
			/option '--write-baseline' cannot stand with '--format FORMAT'/,
		],
		[['--write-baseline', 'x', '--json', 'one'], /option '--write-baseline' cannot stand with '--json'/],
		[['one', 'one', '--json', '--format', 'html'], /option '--json' cannot stand with '--format html'/],
		[['--write-baseline', 'none/x', 'one'], /cannot write 'none\/x' of option '--write-baseline': ENOENT/],
		[['--write-baseline', 'one', 'one'], /cannot write 'one' of option '--write-baseline': [^\n]*directory/],
	] as const) {
		const { status, stdout, stderr } = await vpmu('compare', ...argv);
		t.is(status, 2, stderr);
		t.regex(stderr, reason);
		t.is(stdout, '');
	}
	write('dead', { status: 'error' });
	t.regex((await vpmu('compare', '--write-baseline', 'x', 'dead')).stderr, /no cell of 'dead' has a verdict/);
});
