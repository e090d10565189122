import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import type { BuiltSeries } from '../../../src/image/index.ts';
import { DeadlineError, LockBusyError, UsageError, VpmuError } from '../../../src/lib/index.ts';
import { cellOf, resultsWith } from '../../../src/report/testing/results.ts';
import type { Results } from '../../../src/run/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { type Judge, runSteps } from './runs.ts';

interface Judged {
	readonly exit: number;
	readonly cells: number;
	readonly isInspected: boolean;
}

/** Runs the steps of a series of two patches whose cells are faked. */
async function stepsWith(t: ExecutionContext, inspect: Judge<Judged>['inspect']) {
	const { path: cwd, cleanup } = await dir({ prefix: 'vpmu-steps-', unsafeCleanup: true });
	t.teardown(cleanup);
	const program = async (name: string) => {
		await writeFile(path.join(cwd, name), name);
		return { program: path.join(cwd, name), version: '10.0.13' };
	};
	const step = async (name: string) => ({ patches: [{ title: name }], built: await program(name), warnings: [] });
	const built = { before: await program('before'), steps: [await step('one'), await step('two')] };
	let printed = '';
	const stdout = new Writable({
		write: (chunk, _encoding, done) => {
			printed += chunk;
			done();
		},
	});
	const ran: string[] = [];
	const runs = {
		...{ context: { cwd, stdout } as unknown as CommandContext, out: 'out', fresh: true },
		requestFor: (name: string, out: string) => ({ name, out }) as never,
		execute: async (request: unknown) => {
			const { name, out } = request as { name: string; out: string };
			ran.push(path.basename(name));
			await mkdir(path.join(cwd, out), { recursive: true });
			await writeFile(path.join(cwd, out, 'results.json'), JSON.stringify(resultsWith([cellOf('pass')])));
			return 0;
		},
	};
	const judge: Judge<Judged>['judge'] = (_built, results: Results, inspected) => ({
		...{ exit: inspected === undefined ? 69 : 0, cells: results.cells.length, isInspected: inspected !== undefined },
	});
	const ended = runSteps(runs, built as unknown as BuiltSeries, resultsWith([]), { inspect, judge });
	return { ended, ran, printed: () => printed };
}

test('a build that does not answer without a guest still runs its cells, and the verdict tells why it is not whole', async t => {
	const error = new VpmuError('QEMU runs, but had not greeted over QMP after 30 s', { blame: 'host' });
	const { ended, ran, printed } = await stepsWith(t, async program => {
		if (path.basename(program) === 'two') throw error;
		return {} as never;
	});
	const end = await ended;
	if ('stopped' in end) throw new Error('the series stopped');
	const why = "patch 2 'two' could not be asked without a guest: QEMU runs, but had not greeted over QMP after 30 s";
	t.deepEqual(end.judged, { exit: 69, cells: 1, isInspected: false });
	t.deepEqual(ran, ['one', 'two']);
	t.deepEqual(end.said, [why]);
	t.true(printed().includes(`${why}\n`));
});

test('a deadline that passes while a build is inspected counts as a build that does not answer', async t => {
	const { ended, ran } = await stepsWith(t, () => Promise.reject(new DeadlineError('QMP was greeted', 30_000)));
	t.like(await ended, { judged: { exit: 69, isInspected: false } });
	t.deepEqual(ran, ['one']);
});

test('bad input, a busy lock and an interruption end a series', async t => {
	const reasons = [new UsageError('bad'), new LockBusyError('busy', 'local', null), new Error('stop')];
	for (const reason of reasons) {
		const { ended, ran } = await stepsWith(t, () => Promise.reject(reason));
		t.is(await t.throwsAsync(ended), reason);
		t.deepEqual(ran, []);
	}
});
