import test from 'ava';
import { UsageError, VpmuError } from '../../src/lib/index.ts';
import { bisecting } from './bisect.ts';
import type { CommandContext } from './context.ts';

test('only a failure of the thing under test makes a commit bad; bad usage ends the bisection', async t => {
	const said: string[] = [];
	const stderr = { write: (text: string) => said.push(text) };
	const context = { stderr, env: {}, signal: new AbortController().signal } as unknown as CommandContext;
	const of = (step: () => number, isUnbuilt = false) =>
		bisecting(
			context,
			async () => step(),
			() => isUnbuilt,
		);
	const fails = (error: Error) => () => {
		throw error;
	};
	t.deepEqual(await Promise.all([0, 1, 69, 75].map(code => of(() => code))), [0, 1, 125, 125]);
	t.is(await of(fails(new VpmuError('no board', { blame: 'board' }))), 125);
	t.is(await of(fails(new UsageError('no such option'))), 128);
	t.is(await of(fails(new UsageError('no Image')), true), 125);
	t.deepEqual(said, ['vpmu: no board\n', 'vpmu: no such option\n', 'vpmu: no Image\n']);
	const stopped = new AbortController();
	stopped.abort(new Error('stop'));
	const interrupted = { ...context, signal: stopped.signal };
	await t.throwsAsync(
		bisecting(interrupted, async () => fails(new Error('stop'))()),
		{ message: 'stop' },
	);
});
