import test from 'ava';
import { type Built, type ProjectBuilds, planSides, type Side } from './plan.ts';
import { judgeSides, type Stopped } from './run.ts';

const built = (name: string): Built => ({ program: `/${name}`, version: '1' });
const builds = (project: string, ...patches: readonly string[]): ProjectBuilds => ({
	before: built(`${project}0`),
	steps: patches.map((patch, at) => ({ built: built(patch), name: `patch ${at + 1} '${patch}'` })),
});
const outline = (side: Side) =>
	[side.folder, side.name, side.linux?.program, side.qemu?.program, ...(side.isProof ? ['proof'] : [])] as const;

test('a series is run without and with its patches, each of them if that is asked for', t => {
	const linux = builds('l', 'l1', 'l2', 'l3');
	const whole = planSides({ qemu: undefined, linux }, false);
	t.deepEqual(outline(whole.before), ['before', 'no patch', '/l0', undefined]);
	t.deepEqual(whole.after.map(outline), [['after', 'the series', '/l3', undefined]]);
	t.deepEqual(planSides({ qemu: undefined, linux }, true).after.map(outline), [
		['patch-1', "patch 1 'l1'", '/l1', undefined],
		['patch-2', "patch 2 'l2'", '/l2', undefined],
		['after', "patch 3 'l3'", '/l3', undefined],
	]);
	// A range of no commits has no patches.
	t.deepEqual(planSides({ qemu: undefined, linux: builds('l') }, true).after.map(outline), [
		['after', 'the series', '/l0', undefined],
	]);
});

test('two series are run together, and that for Linux alone proves whose fault it is; patch by patch, Linux goes first', t => {
	const pair = { qemu: builds('q', 'q1', 'q2'), linux: builds('l', 'l1') };
	const whole = planSides(pair, false);
	t.deepEqual(outline(whole.before), ['before', 'no patch', '/l0', '/q0']);
	t.deepEqual(whole.after.map(outline), [
		['linux', 'the series for Linux', '/l1', '/q0', 'proof'],
		['after', 'the series', '/l1', '/q2'],
	]);
	t.deepEqual(planSides(pair, true).after.map(outline), [
		['linux-1', "patch 1 'l1' for Linux", '/l1', '/q0'],
		['qemu-1', "patch 1 'q1' for QEMU", '/l1', '/q1'],
		['after', "patch 2 'q2' for QEMU", '/l1', '/q2'],
	]);
});

/** Judges sides by recorded exit statuses; a side without one passes. Returns the folders in the order in which they ran. */
async function judgedBy(
	sides: ReturnType<typeof planSides>,
	exits: Readonly<Record<string, number>>,
	stops: Readonly<Record<string, number>> = {},
) {
	const ran: string[] = [];
	const told: string[] = [];
	const ended = await judgeSides<{ readonly folder: string }, { readonly exit: number }>(sides, {
		identify: async ({ linux, qemu }) => `${linux?.program} ${qemu?.program}`,
		run: async ({ folder }): Promise<{ folder: string } | Stopped> => {
			ran.push(folder);
			return stops[folder] === undefined ? { folder } : { stopped: stops[folder] };
		},
		judge: (first, seen) => {
			if (first.folder !== 'before') throw new Error('not compared with the first side');
			return { exit: exits[seen.folder] ?? 0 };
		},
		tell: line => void told.push(line),
	});
	return { ran, told, ended };
}

test('each patch is run to the end of the series if all pass, and one whose build is the one before it is not run', async t => {
	const linux = builds('l', 'l1', 'l1', 'l3');
	const { ran, told, ended } = await judgedBy(planSides({ qemu: undefined, linux }, true), {});
	t.deepEqual(ran, ['before', 'patch-1', 'after']);
	t.regex(told.join(), /^patch 2 'l1': its build is the same as the one before/);
	t.like(ended, { side: { folder: 'after' }, judged: { exit: 0 }, which: [], left: [] });
});

test('the first patch that does not pass is named, and those after it are left', async t => {
	const sides = planSides({ qemu: undefined, linux: builds('l', 'l1', 'l2', 'l3') }, true);
	const { ran, ended } = await judgedBy(sides, { 'patch-2': 1 });
	t.deepEqual(ran, ['before', 'patch-1', 'patch-2']);
	t.like(ended, { judged: { exit: 1 }, which: ["patch 2 'l2' is the first with which this is so"] });
	t.deepEqual('left' in ended && ended.left.map(({ name }) => name), ["patch 3 'l3'"]);
	// An infrastructure that fails blames no patch.
	t.like((await judgedBy(sides, { 'patch-2': 69 })).ended, { judged: { exit: 69 }, which: [] });
	t.like((await judgedBy(sides, { after: 1 })).ended, { which: ["patch 3 'l3' is the first with which this is so"] });
});

test('of two series that fail together, the one for Linux is run alone; if they pass it is not', async t => {
	const sides = planSides({ qemu: builds('q', 'q1'), linux: builds('l', 'l1') }, false);
	t.deepEqual((await judgedBy(sides, {})).ran, ['before', 'after']);
	const of = async (exits: Readonly<Record<string, number>>) => {
		const { ran, ended } = await judgedBy(sides, exits);
		return [ran.join(' '), 'which' in ended ? ended.which[0] : ended];
	};
	t.deepEqual(await of({ after: 1, linux: 1 }), ['before after linux', 'the series for Linux alone does not pass']);
	t.deepEqual(await of({ after: 1 }), [
		'before after linux',
		'the series for Linux alone passes, so the failure needs the one for QEMU',
	]);
	t.deepEqual(await of({ after: 1, linux: 69 }), [
		'before after linux',
		'whether the failure needs both series is unknown, since the series for Linux alone has no verdict',
	]);
	t.deepEqual(await of({ after: 69 }), ['before after', undefined]);
	const each = planSides({ qemu: builds('q', 'q1'), linux: builds('l', 'l1') }, true);
	const { ran, ended } = await judgedBy(each, { 'linux-1': 1 });
	t.deepEqual(ran, ['before', 'linux-1']);
	t.like(ended, { which: ["patch 1 'l1' for Linux is the first with which this is so"] });
});

test('a side that is interrupted, or finds a lock busy, ends the series', async t => {
	const sides = planSides({ qemu: builds('q', 'q1'), linux: builds('l', 'l1') }, false);
	t.deepEqual((await judgedBy(sides, {}, { before: 130 })).ended, { stopped: 130 });
	t.deepEqual((await judgedBy(sides, {}, { after: 75 })).ended, { stopped: 75 });
	t.deepEqual((await judgedBy(sides, { after: 1 }, { linux: 130 })).ended, { stopped: 130 });
});
