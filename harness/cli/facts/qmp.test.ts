import { PassThrough } from 'node:stream';
import test from 'ava';
import { main } from '../../main.ts';

for (const port of ['0', '65536', '99999']) {
	test(`port ${port} is bad input: QEMU is not to blame for it`, async t => {
		const stderr = new PassThrough();
		const status = await main(['qmp', '--socket', `localhost:${port}`, 'query-status'], {
			...{ stdin: new PassThrough(), stdout: new PassThrough(), stderr, cwd: '/', env: process.env },
			signal: new AbortController().signal,
		});
		t.is(status, 2);
		t.is(
			String(stderr.read()),
			`vpmu: port '${port}' of option '--socket' is not valid; allowed: whole numbers from 1 to 65535\n`,
		);
	});
}

for (const [argv, message] of [
	[['--emit-types', 'query-status'], /^vpmu: unexpected argument 'query-status' of 'vpmu qmp --emit-types'/],
	[['--emit-types', '--oob'], /^vpmu: option '--emit-types' cannot stand with '--oob'$/m],
	[['--oob'], /^vpmu: option '--oob' needs a command$/m],
] as const) {
	test(`an option that would be ignored is refused: ${argv.join(' ')}`, async t => {
		const stderr = new PassThrough();
		const status = await main(['qmp', '--socket', '/none', ...argv], {
			...{ stdin: new PassThrough(), stdout: new PassThrough(), stderr, cwd: '/', env: process.env },
			signal: new AbortController().signal,
		});
		t.is(status, 2);
		t.regex(String(stderr.read()), message);
	});
}
