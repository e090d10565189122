import { PassThrough } from 'node:stream';
import test from 'ava';
import { dir } from 'tmp-promise';
import { rendered, type ScreenText, UsageError } from '../../../src/lib/index.ts';
import type { World } from '../../usage/context.ts';
import { runCommandLine } from '../index.ts';
import { cacheTable } from './image.ts';
import { formatBytes, progressPrinter } from './progress.ts';

async function run(t: { teardown(fn: () => unknown): void }, ...argv: string[]) {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const stdout = new PassThrough();
	const context: World = {
		stdin: new PassThrough(),
		stdout,
		stderr: new PassThrough(),
		env: { VPMU_CACHE: folder },
		cwd: folder,
		signal: new AbortController().signal,
	};
	const status = await runCommandLine(['image', ...argv], context);
	stdout.end();
	return { status, stdout: Buffer.concat(await stdout.toArray()).toString() };
}

for (const [argv, message] of [
	[['buid'], /unknown action 'buid' of 'vpmu image' \(did you mean 'build'\?\); allowed: build, list, prune/],
	[[], /needs an argument/],
	[['list', 'x'], /unexpected argument 'x' of 'vpmu image list'/],
	[['list', '--all'], /unknown option '--all' of 'vpmu image list'; allowed: --json/],
	[['prune', '--unused-for', 'long'], /'long' of option '--unused-for' is not a number of days/],
	[['prune', '--unused-for', '3', '--all'], /option '--all' cannot stand with '--unused-for DAYS'/],
	[['build', 'gest'], /there is no image recipe 'gest'; allowed: guest, board/],
	[['build', './none.ts'], /there is no recipe file '.\/none.ts'/],
] as const) {
	test(`vpmu image ${argv.join(' ')}: one sentence`, async t => {
		t.regex((await t.throwsAsync(run(t, ...argv), { instanceOf: UsageError })).message, message);
	});
}

test('an empty cache is listed and pruned', async t => {
	t.regex((await run(t, 'list')).stdout, /^KIND.*\n\/.*: .* on disk\n$/);
	t.regex((await run(t, 'prune')).stdout, /^0 items removed, 0 B freed in \//);
	const { stdout, status } = await run(t, 'list', '--json');
	t.is(status, 0);
	t.deepEqual(JSON.parse(stdout).items, []);
});

test('the table shows ages and users', t => {
	const now = Date.parse('2026-01-31');
	const item = {
		path: '/x',
		sizeBytes: 10_632_192,
		madeAt: new Date('2026-01-30'),
		usedAt: new Date('2026-01-31'),
		uses: [],
	};
	const table = cacheTable(
		[
			{ ...item, kind: 'packages', name: 'a', label: 'busybox 1.2', usedBy: ['images/g'] },
			{ ...item, kind: 'images', name: 'g', label: 'guest: a guest', usedBy: [] },
		],
		now,
	);
	t.is(
		table,
		[
			'KIND      WHAT               SIZE  MADE   LAST USED  USED BY',
			'packages  busybox 1.2     10.6 MB  1 day  today      guest',
			'images    guest: a guest  10.6 MB  1 day  today      -',
		].join('\n'),
	);
});

test('sizes in words', t => {
	t.deepEqual([0, 999, 1000, 10_632_192, 999_600, 123_456_789_000].map(formatBytes), [
		'0 B',
		'999 B',
		'1.0 kB',
		'10.6 MB',
		'1.0 MB',
		'123 GB',
	]);
});

test('a log gets a line when a step starts, a terminal one line that changes', t => {
	const steps = [0, 5_000_000, 10_000_000].map(done => ({
		what: 'Downloading',
		done,
		total: 10_000_000,
		unit: 'bytes' as const,
	}));
	const show = (isTTY: boolean) => {
		let text = '';
		const printer = progressPrinter({
			write: part => {
				text += rendered(part as ScreenText);
				return true;
			},
			isTTY,
			columns: 60,
		});
		printer.report({ notice: 'Note this' });
		for (const step of steps) printer.report(step);
		printer.end();
		return text;
	};
	t.is(show(false), 'Note this\nDownloading (10.0 MB)\n');
	t.is(
		show(true),
		'\r\x1b[KNote this\n\r\x1b[KDownloading: 0 B of 10.0 MB\r\x1b[KDownloading: 5.0 MB of 10.0 MB\r\x1b[KDownloading: 10.0 MB\n',
	);
});
