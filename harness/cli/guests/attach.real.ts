import path from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { poll, UsageError } from '../../../src/lib/index.ts';
import { readRun, temporaryFolder, vpmu } from '../../../test/testing/vpmu.ts';
import { liveCells } from '../../protocol/live.ts';
import { runCommandLine } from '../index.ts';

const cases = { VPMU_CASES: 'test/faults/testing/cases' };

/** A person at `vpmu shell` who types each text after the matching output. */
function person(argv: readonly string[], cwd: string) {
	const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
	stderr.resume();
	let shown = '';
	stdout.on('data', bytes => {
		shown += bytes;
	});
	const { signal } = new AbortController();
	const context = { stdin, stdout, stderr, env: process.env, cwd, signal };
	const ended = Promise.try(() => runCommandLine(['shell', ...argv], context));
	return {
		ended,
		async sees(pattern: RegExp) {
			const what = `${pattern} on the person's terminal`;
			await poll(what, () => (pattern.test(shown) ? true : undefined), { timeoutMs: 60_000 });
		},
		type: (text: string) => void stdin.write(text),
		leave: () => void stdin.end(),
		get shown() {
			return shown;
		},
	};
}

test.serial('several people can attach to a running cell, each with a terminal, and the cell goes on', async t => {
	const folder = await temporaryFolder(t);
	const out = path.join(folder, 'vpmu-runs', 'one');
	const run = vpmu(['run', 'fault/waits', '--out', out], { env: cases });
	const name = await poll('a running cell', async () => (await liveCells(out))[0], { timeoutMs: 120_000 });
	await t.throwsAsync(person(['--cell', 'nonsense'], folder).ended, {
		instanceOf: UsageError,
		message: new RegExp(`unknown running cell 'nonsense'.*${name}`),
	});

	const first = person(['--cell', 'fault/waits[local', '--run', out], folder);
	await first.sees(/# /);
	first.type('tty; stty rows 31 cols 97; echo $((6*7)) guests\r');
	await first.sees(/\n42 guests\r/);
	t.regex(first.shown, /\n\/dev\/pts\/0\r/);
	const second = person(['--cell', 'waits'], folder);
	await second.sees(/# /);
	second.type('tty; exit\r');
	t.is(await second.ended, 0);
	t.regex(second.shown, /\n\/dev\/pts\/1\r/);

	// The cell ends while the first person is still attached.
	first.type('echo >/tmp/go\r');
	t.is(await first.ended, 0);
	const { status, stderr } = await run;
	t.is(status, 0, stderr);
	const { cell } = readRun(out);
	t.is(cell.status, 'pass');
	t.is(cell.perf.find(reading => reading.event === 'cycles')?.state, 'counted');
	t.deepEqual(await liveCells(out), []);
	await t.throwsAsync(person(['--cell', 'waits'], folder).ended, {
		instanceOf: UsageError,
		message: /no cell of a run of 'vpmu-runs' has a guest with a shell now/,
	});
});

test('bad usage attaches to nothing', async t => {
	const folder = await temporaryFolder(t);
	const refused = async (argv: string[], message: RegExp) =>
		await t.throwsAsync(person(argv, folder).ended, { instanceOf: UsageError, message });
	await refused(['--cell', 'x', '--run', 'nowhere'], /there is no run folder 'nowhere'/);
	await refused(['--cell', 'x', '--vcpus', '2'], /'--vcpus' starts a guest, and '--cell' does not/);
	await refused(['--run', 'x'], /'--run' needs '--cell CELL'/);
});
