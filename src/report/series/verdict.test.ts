import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import test from 'ava';
import { compareSides, sideOf } from '../../compare/index.ts';
import { type CellSketch, runOf } from '../../compare/testing/cells.ts';
import { textOf } from '../document/index.ts';
import { annotationsOf, command } from './annotations.ts';
import { seriesDocument } from './document.ts';
import { seriesJunitOf } from './junit.ts';
import { repeatScripts } from './repeat.ts';
import {
	everythingPassed,
	judgeSeries,
	type KernelAnswers,
	type KernelTrial,
	type SeriesEvidence,
	type SeriesVerdict,
} from './verdict.ts';

const built = { program: '/q/qemu-system-aarch64', version: '10.0.13' };
const kept = { holds: true, reason: 'it is on in all 19', findings: [], breaking: [] };

/** A verdict on cells before and after. */
function judged(before: readonly CellSketch[], after: readonly CellSketch[], more: Partial<SeriesEvidence> = {}) {
	const [was, is] = [runOf(...before), runOf(...after)];
	return judgeSeries({
		...{
			out: 'out',
			vpmu: '0.1.0',
			source: 'debian:trixie',
			tree: 'qemu' as const,
			before: built,
			after: built,
			builds: kept,
			claims: [],
		},
		series: [
			{
				...{ title: 'target/arm: a change', version: 4, author: 'A <a@example.org>', notes: [] },
				patches: [{ title: 'a change', author: 'A <a@example.org>', files: ['target/arm/kvm.c'] }],
			},
		],
		...{ comparison: compareSides(sideOf([was]), sideOf([is])), results: is, known: null, tester: 'T <t@example.org>' },
		...more,
	});
}

const textFor = (verdict: SeriesVerdict, width = 100) => textOf(seriesDocument(verdict), width);
const finding = (id: string) => `finding ${id}: what it is`;

test('a series passes if nothing got worse, and what failed without it is not its fault', t => {
	const clean = judged([{}], [{}]);
	t.like(clean, { passes: true, exit: 0, why: ['nothing got worse'] });
	t.true(everythingPassed(clean));
	t.regex(textFor(clean), /\nTested-by: T <t@example\.org>\n$/);

	const old = judged([{ status: 'fail', reason: 'x' }], [{ status: 'fail', reason: 'x' }]);
	t.like(old, { passes: true, exit: 0, why: ['nothing got worse', '1 cell fails without the series too'] });
	t.notRegex(textFor(old), /Tested-by/);
});

test('a Tested-by line needs that everything that was tried passed, and that something was', t => {
	const nothing: Partial<SeriesEvidence> = {};
	for (const [before, after, more] of [
		[[{}], [{ status: 'fail', reason: 'x' }], nothing],
		[[{}], [{ status: 'xfail', reason: finding('F2') }], nothing],
		[[{}, { name: 'b' }], [{}, { name: 'b', status: 'error' }], nothing],
		[[{}, { name: 'b' }], [{}, { name: 'b', status: 'skip' }], nothing],
		[[{ status: 'xfail', reason: 'x' }], [{ status: 'xfail', reason: 'x' }], nothing],
		[[{ status: 'skip' }], [{ status: 'skip' }], nothing],
		[[{}], [{}], { builds: { ...kept, holds: null } }],
		[[{}], [{}], { builds: { ...kept, holds: false } }],
		[[{}], [{}], { builds: null }],
		[[{}], [{ more: { flaky: true } }], nothing],
		[[{}], [{ status: 'xpass', reason: `no longer so: ${finding('F2')}` }], nothing],
	] as const) {
		const verdict = judged(before, after, more);
		t.false(everythingPassed(verdict), JSON.stringify(after));
		t.notRegex(textFor(verdict), /Tested-by/);
	}
	// A skipped cell was not tried; one that this version fixes passed.
	t.true(everythingPassed(judged([{}, { name: 'b', status: 'skip' }], [{}, { name: 'b', status: 'skip' }])));
});

test('what is not known is no verdict: exit 69, with what is missing', t => {
	t.like(judged([{}], [{ status: 'error', reason: 'the board died' }]), { passes: null, exit: 69 });
	t.like(judged([{ status: 'skip' }], [{ status: 'skip' }]), { passes: null, exit: 69, why: ['no cell ran'] });
	t.like(judged([{}], [{}], { builds: { ...kept, holds: null } }), { passes: null, exit: 69 });
	// A failure outranks it.
	t.like(judged([{}, { name: 'b' }], [{ status: 'fail' }, { name: 'b', status: 'error' }]), { passes: false, exit: 1 });
});

test('a finding that an earlier version had and this one has not is fixed by it, and fails nothing', t => {
	const known = {
		version: 3,
		findings: { F2: 'a pmu value beyond 32 bits', F8: 'pmu=off is refused', F10: 'QEMU ends' },
	};
	const before: CellSketch[] = [{ status: 'skip' }, { name: 'b', status: 'skip' }];
	const fixed = judged(
		before,
		[
			{ status: 'xpass', reason: `no longer so: ${finding('F2')}` },
			{ name: 'b', status: 'xpass', reason: `expected to fail: ${finding('F8')}` },
		],
		{ known },
	);
	t.like(fixed, { passes: true, exit: 0 });
	t.deepEqual(
		fixed.findings.map(({ finding: id, state, seenIn }) => [id, state, seenIn]),
		[
			['F2', 'fixed', 3],
			['F8', 'fixed', 3],
			['F10', 'not-tried', 3],
		],
	);
	t.regex(textFor(fixed), /\nfixed F2: fixed by v4: seen in v3, gone in 1 cell: a pmu value beyond 32 bits\n/);
	t.regex(textFor(fixed), /\nnot tried: F10, a finding of v3\n/);

	const still = judged(before, [{ status: 'xfail', reason: finding('F2') }], { known });
	t.like(still, { passes: false, exit: 1, why: ['1 cell shows a known finding'] });
	t.like(still.findings[0], { finding: 'F2', state: 'shows', seenIn: 3 });
	// The very version in which it was seen does not fix it: that it is gone needs an explanation.
	const gone = judged(before, [{ status: 'xpass', reason: `no longer so: ${finding('F2')}` }], {
		known: { ...known, version: 4 },
	});
	t.like(gone.findings[0], { state: 'gone', seenIn: 4 });
	t.regex(gone.why.join(), /1 cell passed although a finding was expected/);
});

test('the verdict on many changes fits a screen, what is wrong first, each with a command of its own', t => {
	const cells = Array.from(
		{ length: 140 },
		(_, at): CellSketch => ({
			...{ name: `choice/c${at % 20}`, place: at % 3 === 0 ? 'uniform' : 'biglittle', axes: [`pmu=${at}`] },
		}),
	);
	const after = cells.map((cell, at): CellSketch => {
		if (at < 4) return { ...cell, status: 'xfail', reason: finding(`F${at + 1}`) };
		if (at < 6) return { ...cell, status: 'fail', reason: 'trace: expected type 10, but seen 11' };
		const rules = ['covers-all', 'no-cover', 'backcompat', 'explicit', 'fixed-counters-only', 'out-of-range'];
		return { ...cell, predicted: { backend: at % 2 === 0 ? 'none' : 'default', rule: rules[at % 6]! } };
	});
	const withRepro = after.map(cell => ({
		...cell,
		more: { artifacts: { 'repro.sh': `cells/${cell.axes![0]}/repro.sh` } },
	}));
	const verdict = judged(cells, withRepro);
	const lines = textFor(verdict).trimEnd().split('\n');
	t.true(lines.length <= 24, lines.join('\n'));
	t.deepEqual(
		lines.filter(line => line.length > 100),
		[],
	);
	const commands = lines.filter(line => line.startsWith('    $ '));
	t.deepEqual(
		commands.map(line => line.trim()),
		['r1', 'F1', 'F2', 'F3', 'F4'].map(name => `$ sh out/repeat/${name}.sh`),
	);
	const scripts = repeatScripts(verdict);
	t.deepEqual(Object.keys(scripts), ['builds.sh', 'r1.sh', 'F1.sh', 'F2.sh', 'F3.sh', 'F4.sh']);
	t.regex(scripts['F1.sh']!, /exec sh "\$\(dirname "\$0"\)"\/\.\.\/after\/cells\/pmu=0\/repro\.sh "\$@"\n$/);
	const verbose = textOf(seriesDocument(verdict, { isVerbose: true }), 100);
	for (const cell of verdict.comparison.changes) t.true(verbose.replaceAll(/\n */g, '').includes(cell.id));
	t.deepEqual(
		textFor(verdict, 72)
			.split('\n')
			.filter(line => line.length > 72),
		[],
	);
});

test('of many regressions that need no guest, the first are told, how many there are, and the command that shows all', t => {
	const findings = Array.from({ length: 8 }, (_, at) => ({
		...{ severity: 'regression' as const, text: `device${at}.vectors 0 -> not set in virt-9.2` },
	}));
	const verdict = judged([{}], [{}], { builds: { ...kept, findings } });
	t.deepEqual(
		textFor(verdict)
			.split('\n')
			.filter(line => /^regression|^ {4}\$/.test(line)),
		[
			...[0, 1].map(at => `regression: device${at}.vectors 0 -> not set in virt-9.2`),
			'regression: device2.vectors 0 -> not set in virt-9.2; and 5 more like these',
			'    $ sh out/repeat/builds.sh',
		],
	);
	t.is(textOf(seriesDocument(verdict, { isVerbose: true }), 100).match(/^regression/gm)?.length, 8);
});

test('cells are named without the path of the build, which is the same for all', t => {
	const cells = [{ qemu: built.program }];
	const verdict = judged(cells, [{ ...cells[0]!, status: 'fail', reason: 'x' }]);
	t.regex(verdict.comparison.changes[0]!.id, /,\/q\/qemu-system-aarch64,/);
	const text = textOf(seriesDocument(verdict, { isVerbose: true }), 200);
	t.regex(text, /^regression: pmu\/a\[uniform,virt\]: pass became fail: x$/m);
	t.regex(seriesJunitOf(verdict), /<testcase classname="cells: regression" name="pmu\/a\[uniform,virt\]"/);
});

test('JUnit: only what the series made worse fails, and xmllint reads it', t => {
	const verdict = judged(
		[{}, { name: 'b', status: 'fail' }, { name: 'c' }, { name: 'd', status: 'fail' }],
		[
			{ status: 'fail', reason: ']]> <x> & \u0000' },
			{ name: 'b', status: 'fail' },
			{ name: 'c', status: 'error' },
			{ name: 'd' },
		],
	);
	const xml = seriesJunitOf(verdict);
	t.regex(xml, /<testsuites name="[^"]*" tests="5" failures="1" errors="1" skipped="1"/);
	const xmllint = ['/usr/bin/xmllint', '/usr/local/bin/xmllint'].find(existsSync);
	if (xmllint === undefined) return t.log('no xmllint on this machine');
	t.is(spawnSync(xmllint, ['--noout', '-'], { input: xml, encoding: 'utf8' }).stderr, '');
	return undefined;
});

test('annotations: one line each, at the file that the series changes; nothing told is a command', t => {
	const text = annotationsOf(judged([{}], [{ status: 'fail', reason: 'a\n::error::b%0A, c: d' }]));
	t.deepEqual(text.split('\n'), [
		'::error file=target/arm/kvm.c,title=vpmu regression%3A 1 cell::pass became fail: a ::error::b%250A, c: d',
		'::notice title=vpmu series::the series does not pass: 1 cell got worse',
		'',
	]);
	t.is(command('error', { file: 'a:b,c%\n' }, '%0A'), '::error file=a%3Ab%2Cc%25::%250A');
});

const image = (name: string) => ({ program: `/k/${name}/Image`, version: '6.12.117' });
const asked = (more: Partial<KernelAnswers> = {}): KernelTrial => ({
	...{ as: 'board', source: 'linux', before: image('1'), after: image('2') },
	answers: { worse: [], changed: [], unasked: null, ...more },
});

test('a series for Linux alone is judged by its cells and by what KVM answers; no QEMU is asked', t => {
	const of = (more: Partial<KernelAnswers> = {}, cells: readonly CellSketch[] = [{}]) =>
		judged([{}], cells, { tree: 'linux', builds: null, kernel: asked(more) });
	t.like(of(), { passes: true, exit: 0, why: ['nothing got worse'] });
	t.like(of({ worse: ['run.pmceid0'], changed: ['run.pmceid0: 0x1 -> 0x2'] }), {
		...{ passes: false, exit: 1 },
		why: ['KVM does not answer as its source says (kernel): run.pmceid0'],
	});
	t.like(of({ changed: ['a: ok -> EBUSY'] }), { exit: 0 });
	t.like(of({ unasked: 'after the series: no PMU' }), {
		...{ passes: null, exit: 69, why: ['KVM could not be asked after the series: no PMU'] },
	});
	t.like(of({ unasked: 'before the series: no PMU' }), { exit: 0 });
	t.regex(seriesJunitOf(of({ unasked: 'after the series: no PMU' })), /<error message="after the series: no PMU"/);
	t.regex(seriesJunitOf(of({ unasked: 'before the series: no PMU' })), /<skipped message="before the series: no PMU"/);
	t.like(of({}, [{ status: 'fail' }]), { passes: false, exit: 1, why: ['1 cell got worse'] });
	t.like(judged([{}], [{}], { tree: 'linux', builds: null, kernel: { ...asked(), answers: null } }), { exit: 0 });
	// A defect of QEMU that the kernel makes visible is told, and is not the kernel's.
	const shows = of({}, [{ status: 'xfail', reason: finding('F4') }]);
	t.is(shows.exit, 1, 'unless it is said to be no fault');
	const [was, is] = [runOf({}), runOf({ status: 'xfail', reason: finding('F4') })];
	const comparison = compareSides(sideOf([was]), sideOf([is]), { isShared: id => id === 'F4' });
	const told = judged([{}], [], { tree: 'linux', builds: null, kernel: asked(), comparison, results: is });
	t.like(told, {
		...{ passes: true, exit: 0 },
		why: ['nothing got worse', '1 cell shows a known finding in QEMU, which this series does not change'],
	});
	t.regex(textFor(told), /exposed: .*: F4: what it is/);
	t.regex(seriesJunitOf(told), /<testsuites [^>]*failures="0"/);
	t.notRegex(annotationsOf(told), /^::error/m);
	// One that is not QEMU's counts, though the tree is Linux's.
	const skipped = runOf({ status: 'skip', reason: 'x' });
	const own = compareSides(sideOf([skipped]), sideOf([is]), { isShared: () => false });
	const ofKernel = judged([{}], [], { tree: 'linux', builds: null, kernel: asked(), comparison: own, results: is });
	t.like(ofKernel, { passes: false, exit: 1, why: ['1 cell shows a known finding'] });
	t.regex(annotationsOf(ofKernel), /^::error/m);
});

test('what KVM answers differently stands in every report, with the command that asks again', t => {
	const changed = ['run.pmceid0: 0x1 -> 0x2', 'late.set-pmu: EBUSY -> ok'];
	const verdict = judged([{}], [{}], {
		...{ tree: 'linux', builds: null },
		kernel: asked({ worse: ['run.pmceid0', 'kernel-log'], changed }),
	});
	const text = textFor(verdict, 120);
	t.regex(text, /\nkernel +Linux 6\.12\.117 before and after, as the kernel of the board\n/);
	t.regex(text, /\nKVM +asked without cells: 2 answers differ from before\n/);
	t.regex(text, /regression: KVM does not answer as its source says: run\.pmceid0: 0x1 -> 0x2\n/);
	t.regex(text, /the kernel logged trouble while it was asked\n +\$ sh out\/repeat\/kvm\.sh\n/);
	t.notRegex(text, /Claims|builds|late\.set-pmu/);
	t.regex(
		textOf(seriesDocument(verdict, { isVerbose: true }), 120),
		/KVM answers differently: late\.set-pmu: EBUSY -> ok/,
	);
	t.is(
		repeatScripts(verdict)['kvm.sh'],
		'#!/bin/sh\nexec npx vpmu probe --conformance --on board:biglittle --board-kernel /k/2/Image "$@"\n',
	);
	t.is(repeatScripts(verdict)['builds.sh'], undefined);
	t.regex(seriesJunitOf(verdict), /<failure message="KVM deviates from its source: kernel-log"/);
	t.regex(annotationsOf(verdict), /^::error .*KVM does not answer as its source says: run\.pmceid0/m);
});

test('series for QEMU and for Linux have one verdict, and each says what it was applied to', t => {
	const patches = [{ title: 'a', author: 'A <a@example.org>', files: ['arch/arm64/kvm/arm.c'] }];
	const ofLinux = { title: 'KVM: arm64: a', version: 2, author: 'A <a@example.org>', notes: [], patches };
	const own = judged([{}], [{}]).series;
	const series = [{ ...ofLinux, to: 'Linux 6.12.117 of linux' }, ...own];
	const of = (more: Partial<SeriesEvidence> = {}) =>
		judged([{}], [{}], { tree: 'both', series, kernel: asked(), ...more });
	t.like(of(), { passes: true, exit: 0, tree: 'both' });
	const text = textFor(of(), 200);
	t.regex(text, /^KVM: arm64: a v2 and target\/arm: a change v4: passes: nothing got worse\n/);
	t.regex(text, /\napplied +1 patch by A <a@example\.org>; to Linux 6\.12\.117 of linux\n/);
	t.regex(text, /\napplied +1 patch by A <a@example\.org>; to QEMU 10\.0\.13 of debian:trixie\n/);
	t.deepEqual(Object.keys(repeatScripts(of())), ['builds.sh', 'kvm.sh']);
	// Each can fail it.
	t.like(of({ builds: { ...kept, holds: false } }), { exit: 1, why: ['machine types do not keep their PMU'] });
	t.like(of({ kernel: asked({ worse: ['a'] }) }), { exit: 1 });
	t.like(of({ builds: null }), { exit: 69, why: ['the builds were not asked without a guest'] });
});
