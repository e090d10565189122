import test from 'ava';
import { type CellSketch, runOf } from '../../../../src/compare/testing/cells.ts';
import { VpmuError } from '../../../../src/lib/index.ts';
import type { Conformance } from '../../../../src/pmu/index.ts';
import { seriesDocument, textOf } from '../../../../src/report/index.ts';
import { planSides, type Side } from '../sides/plan.ts';
import { judgeSides } from '../sides/run.ts';
import { type BuiltPair, buildsOf } from './pair.ts';
import type { SeenSide } from './side.ts';
import { judgeSide, withNotes } from './verdict.ts';

const seriesOf = (title: string, titles: readonly string[], file: string) => ({
	...{ title, version: 1, cover: undefined, messageIds: [], notes: [] },
	base: { changeId: undefined, baseCommit: undefined, basedOn: [], prerequisites: [] },
	patches: titles.map(one => ({
		...{ file: 'a.mbx', title: one, author: 'A <a@example.org>', message: '', part: undefined, isFlowed: false },
		diff: Buffer.from(`--- a/${file}\n+++ b/${file}\n@@ -1 +1 @@\n-a\n+b\n`),
	})),
});

/** What was built of two patches for Linux and one for QEMU, without building. */
function recordedPair(isPair: boolean, isEach: boolean): BuiltPair {
	const image = (name: string) => ({ image: `/k/${name}/Image`, version: '6.12.117', log: `/k/${name}/log` });
	const program = (name: string) => ({ program: `/q/${name}/qemu-system-aarch64`, version: '10.0.13' });
	const ofLinux = seriesOf('KVM: arm64: two', ['one', 'two'], 'arch/arm64/kvm/arm.c');
	const ofQemu = seriesOf('target/arm: three', ['three'], 'target/arm/kvm.c');
	const steps = (isEach ? ['1', '2'] : ['2']).map((name, at) => ({
		...{ patches: isEach ? [ofLinux.patches[at]!] : ofLinux.patches, built: image(name) },
		warnings: name === '2' ? ['arch/arm64/kvm/arm.c:5: warning: unused'] : [],
	}));
	const linux = { before: image('0'), after: image('2'), steps, series: [ofLinux], touched: [], warnings: [] };
	const qemu = {
		...{ before: program('0'), after: program('1'), series: [ofQemu] },
		steps: [{ patches: ofQemu.patches, built: program('1'), warnings: [] }],
	};
	return { linux, qemu: isPair ? qemu : undefined } as unknown as BuiltPair;
}

const answers = (observed: string, status: 'as-ruled' | 'deviates' = 'as-ruled'): Conformance => ({
	...{ schema: 'vpmu-conformance/1', host: 'board:biglittle', kernel: '6.12', fixedCounters: 'none' },
	checks: [{ id: 'a.b', what: 'w', where: 'f', since: '4.6', expected: 'EBUSY', observed, status, why: null }],
	...{ kernelLog: [], deviations: 0 },
});

const inspected = { invariant: { holds: true, reason: 'on in all 19' }, findings: [], qmp: null } as never;

interface Recorded {
	readonly cells?: readonly CellSketch[];
	readonly asked?: SeenSide['asked'];
	readonly inspected?: SeenSide['inspected'];
	readonly taken?: string;
}

/** Judges a series by what its sides showed, by their folders. What is not named is as before it. */
async function judged(
	sides: Readonly<Record<string, Recorded>>,
	{ isPair = false, isEach = false }: { readonly isPair?: boolean; readonly isEach?: boolean } = {},
) {
	const built = recordedPair(isPair, isEach);
	const planned = planSides(buildsOf(built, isEach), isEach);
	const ran: string[] = [];
	const ended = await judgeSides(planned, {
		identify: async ({ linux, qemu }: Side) => `${linux?.program} ${qemu?.program}`,
		run: async ({ folder, qemu }: Side): Promise<SeenSide> => {
			ran.push(folder);
			const { cells = [{}], asked = answers('EBUSY'), ...more } = sides[folder] ?? {};
			const isChanged = qemu !== undefined && qemu.program !== planned.before.qemu?.program;
			return { results: runOf(...cells), asked, inspected: isChanged ? inspected : undefined, ...more };
		},
		judge: (first, seen, side) =>
			judgeSide({
				...{ out: 'out', source: 'linux', use: 'board', built, env: {}, sides: planned, side, first, seen },
				pair: isPair ? { source: 'qemu', files: [] } : undefined,
			}),
		tell: () => undefined,
	});
	if ('stopped' in ended) throw new Error('the series stopped');
	const verdict = withNotes(ended, built, isEach);
	return { verdict, ran, text: textOf(seriesDocument(verdict), 120) };
}

const fails: Recorded = { cells: [{ status: 'fail', reason: 'perf: it does not count' }] };
const deviates: Recorded = { asked: answers('ok', 'deviates') };

test('a series for Linux whose cells and answers are as before passes, with its warnings as notes', async t => {
	const { verdict, ran, text } = await judged({});
	t.deepEqual(ran, ['before', 'after']);
	t.like(verdict, { tree: 'linux', exit: 0, passes: true, source: 'linux' });
	t.like(verdict.kernel, {
		as: 'board',
		before: { program: '/k/0/Image' },
		after: { program: '/k/2/Image', log: '/k/2/log' },
	});
	t.regex(text, /^KVM: arm64: two: passes: nothing got worse\n/);
	t.regex(text, /\napplied +2 patches by A <a@example\.org>; to Linux 6\.12\.117 of linux\n/);
	t.regex(text, /note: Linux has a new compiler warning: arch\/arm64\/kvm\/arm\.c:5: warning: unused/);
});

test('results of the kernel without the series that an earlier series had are told as such', async t => {
	const { text } = await judged({ before: { taken: "1 cell, taken from run R; '--fresh' runs them again" } });
	t.regex(text, /note: results without the series: 1 cell, taken from run R; '--fresh' runs them again\n/);
});

test('with --each a kernel series is run to the end of its cells, and the first patch with which it is so is named', async t => {
	const whole = await judged({}, { isEach: true });
	t.deepEqual(whole.ran, ['before', 'patch-1', 'after']);
	t.is(whole.verdict.exit, 0);
	const first = await judged({ 'patch-1': fails, after: fails }, { isEach: true });
	t.deepEqual(first.ran, ['before', 'patch-1']);
	t.deepEqual(first.verdict.why, ["patch 1 'one' is the first with which this is so", '1 cell got worse']);
	t.regex(first.text, /note: the patches after patch 1 'one' were built and not run/);
	t.is(first.verdict.after.program, '/k/1/Image');
	const last = await judged({ after: deviates }, { isEach: true });
	t.deepEqual(last.verdict.why, [
		"patch 2 'two' is the first with which this is so",
		'KVM does not answer as its source says (kernel): a.b',
	]);
});

test('series for QEMU and Linux have one verdict, and a failure says whether it needs both', async t => {
	const pair = { isPair: true };
	const passes = await judged({}, pair);
	t.like(passes.verdict, { tree: 'both', exit: 0, before: { program: '/q/0/qemu-system-aarch64' }, source: 'qemu' });
	t.deepEqual(
		passes.verdict.series.map(({ title, to }) => [title, to]),
		[
			['KVM: arm64: two', 'Linux 6.12.117 of linux'],
			['target/arm: three', undefined],
		],
	);
	const both = await judged({ after: fails }, pair);
	t.deepEqual(both.ran, ['before', 'after', 'linux']);
	t.deepEqual(both.verdict.why, [
		'the series for Linux alone passes, so the failure needs the one for QEMU',
		'1 cell got worse',
	]);
	const ofLinux = await judged({ after: deviates, linux: deviates }, pair);
	t.like(ofLinux.verdict, { tree: 'both', exit: 1 });
	t.is(ofLinux.verdict.why[0], 'the series for Linux alone does not pass');
	const each = await judged({ after: fails }, { isPair: true, isEach: true });
	t.deepEqual(each.ran, ['before', 'linux-1', 'linux-2', 'after']);
	t.is(each.verdict.why[0], "patch 1 'three' for QEMU is the first with which this is so");
});

test('a QEMU that does not answer without a guest leaves no verdict, but its cells are judged', async t => {
	const silent = new VpmuError('QEMU did not greet', { blame: 'host' });
	const { verdict, text } = await judged({ after: { inspected: silent } }, { isPair: true });
	t.like(verdict, { exit: 69, passes: null, why: ['the builds were not asked without a guest'] });
	t.regex(text, /note: the series could not be asked without a guest: QEMU did not greet/);
	t.is((await judged({ after: { inspected: silent, ...fails } }, { isPair: true })).verdict.exit, 1);
});

test('lines that only the patched QEMU of a pair writes to stderr are noted', async t => {
	const writes = (...stderr: readonly string[]): Recorded => ({
		cells: [{ more: { logs: { guest: [], host: [], qemu: { events: [], stderr } } as never } }],
	});
	const { text } = await judged({ before: writes('old'), after: writes('old', 'new') }, { isPair: true });
	t.regex(text, /note: the series makes QEMU write to stderr: new\n/);
});
