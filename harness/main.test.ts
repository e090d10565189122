import { PassThrough } from 'node:stream';
import test from 'ava';
import { main } from './main.ts';

test('bad usage of a step of git bisect ends the bisection, and makes no commit bad', async t => {
	const called = (...argv: string[]) =>
		main(argv, {
			...{ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), env: {}, cwd: '/' },
			signal: new AbortController().signal,
		});
	t.is(await called('run', '--bisect', '--jsn'), 128);
	t.is(await called('probe', '--bisect'), 128);
	t.is(await called('run', '--jsn'), 2);
	t.is(await called('list', '--', '--bisect', '--jobs'), 2);
});
