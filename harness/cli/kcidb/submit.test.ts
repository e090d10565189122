import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { kcidbSchema } from '../../../src/report/testing/kcidb.ts';
import { everyStatus } from '../../../src/report/testing/results.ts';
import { temporaryFolder } from '../../../test/testing/vpmu.ts';
import { main } from '../../main.ts';

const secret = 'of the server';
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signed = (text: string) => createHmac('sha256', secret).update(text).digest('base64url');
const unsigned = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ origin: 'vpmu', gendate: '2026-01-01', exp: 4e9 })}`;
const token = `${unsigned}.${signed(unsigned)}`;

interface Submission {
	readonly report: v.InferOutput<typeof kcidbSchema>;
}

/** A server that checks the token like kcidb-ng's kcidb-restd, and the report like its ingester. */
async function stubServer(
	t: ExecutionContext,
	answer?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; received: Submission[] }> {
	const received: Submission[] = [];
	const server = createServer(async (request, response) => {
		if (answer !== undefined) return answer(request, response);
		const end = (status: number, told: object) => response.writeHead(status).end(JSON.stringify(told));
		const body = Buffer.concat(await Array.fromAsync(request)).toString();
		if (request.method !== 'POST' || request.url !== '/submit') return end(404, {});
		const [head, claims, signature] = request.headers.authorization?.split(' ')[1]?.split('.') ?? [];
		if (signature !== signed(`${head}.${claims}`)) {
			return end(401, { id: '0', status: 'error', message: `InvalidSignature of ${request.headers.authorization}` });
		}
		const { success, output, issues } = v.safeParse(kcidbSchema, JSON.parse(body));
		if (!success) return end(400, { id: '0', status: 'error', message: v.flatten(issues) });
		received.push({ report: output });
		return end(200, { id: 'Ab12', status: 'ok', message: `Received submission Ab12 with size ${body.length} bytes` });
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => server.close());
	return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const at = '2026-01-01T00:00:00Z';
/** What a run that contains every status leaves, and what is left of it when it is killed. */
const finished = ['results.json', JSON.stringify(everyStatus)] as const;
const killed = [
	'events.ndjson',
	[
		{
			at,
			event: 'run-start',
			run: everyStatus.run,
			cells: everyStatus.cells.map(cell => ({
				...cell,
				title: 'a case',
				qemu: 'debian:trixie',
				on: 'local',
				skip: null,
			})),
		},
		...everyStatus.cells.slice(1).map(result => ({ at, event: 'cell-end', result })),
	]
		.map(event => `${JSON.stringify(event)}\n`)
		.join(''),
] as const;

/** Submits a run. */
async function submit(
	t: ExecutionContext,
	argv: readonly string[],
	{ env = {}, left: [name, content] = finished }: { env?: NodeJS.ProcessEnv; left?: readonly [string, string] } = {},
) {
	const folder = await temporaryFolder(t);
	mkdirSync(path.join(folder, 'run'));
	writeFileSync(path.join(folder, 'run', name), content);
	writeFileSync(path.join(folder, 'token'), `${token}\n`, { mode: 0o600 });
	const [stdout, stderr] = [new PassThrough(), new PassThrough()];
	const status = await main(['kcidb', 'submit', 'run', ...argv], {
		...{ stdin: new PassThrough(), stdout, stderr, cwd: folder, signal: new AbortController().signal, env },
	});
	const said = `${stdout.read() ?? ''}${stderr.read() ?? ''}`;
	t.false(said.includes(token), 'the token is never printed');
	return { status, said };
}

const commit = 'a'.repeat(40);
const source = ['--commit', commit, '--tree', 'mainline', '--url', 'https://git.example.org/linux.git'];

test('a run is submitted with a token of a file, with the commit, tree and repository of its kernel', async t => {
	const { url, received } = await stubServer(t);
	const { status, said } = await submit(t, [...source, '--server', url, '--token-file', 'token']);
	t.is(status, 0, said);
	t.regex(said, /^submitted 6 tests to 127\.0\.0\.1:\d+: Ab12\n$/);
	const { checkouts, builds, tests } = received[0]!.report;
	t.like(checkouts[0], { git_commit_hash: commit, tree_name: 'mainline', id: `vpmu:${commit}` });
	t.is(builds[0]!.checkout_id, `vpmu:${commit}`);
	t.deepEqual(
		tests.map(one => one.status),
		['PASS', 'FAIL', 'MISS', 'SKIP', 'FAIL', 'PASS'],
	);
});

test('a run that was killed is submitted by its events, as it is reported', async t => {
	const { url, received } = await stubServer(t);
	const { status, said } = await submit(t, ['--server', url, '--token-file', 'token'], { left: killed });
	t.is(status, 0, said);
	t.deepEqual(
		received[0]!.report.tests.map(one => one.status),
		['ERROR', 'FAIL', 'MISS', 'SKIP', 'FAIL', 'PASS'],
	);
});

test('a run folder that is not there is refused with the words of report', async t => {
	const stderr = new PassThrough();
	const context = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, cwd: '/', env: {} };
	t.is(await main(['kcidb', 'submit', 'none'], { ...context, signal: new AbortController().signal }), 2);
	t.is(String(stderr.read()), "vpmu: there is no run folder 'none'\n");
});

test('the server and the token are taken from KCIDB_REST, as other submitters do', async t => {
	const { url, received } = await stubServer(t);
	const { status, said } = await submit(t, [], { env: { KCIDB_REST: url.replace('//', `//${token}@`) } });
	t.is(status, 0, said);
	t.regex(said, /without --commit, --tree, --url no dashboard shows the report/);
	t.is(received.length, 1);
});

test('a token that the server refuses is bad input, and is not in the message even if the server says it', async t => {
	const { url, received } = await stubServer(t);
	const wrong = `${unsigned}.wrong`;
	const { status, said } = await submit(t, ['--server', url], { env: { KCIDB_JWT: wrong } });
	t.is(status, 2);
	t.regex(said, /refuses the token: .*InvalidSignature of Bearer \*\*\*/);
	t.false(said.includes(wrong));
	t.is(received.length, 0);
});

for (const [what, answer, message] of [
	[
		'a redirect',
		(_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
		/could not be reached/,
	],
	['another answer', (_, response) => response.end('<html>'), /the answer of .* is not JSON/],
	['an error', (_, response) => response.writeHead(500).end('x'.repeat(200_000)), /answered 500: x{300}\.\.\./],
	['a refusal', (_, response) => response.end('{"id":"0","status":"error","message":"full"}'), /says error: full/],
	['a reset', request => request.socket.destroy(), /could not be reached/],
] as const satisfies readonly (readonly [
	string,
	(request: IncomingMessage, response: ServerResponse) => void,
	RegExp,
])[]) {
	test(`a server that gives ${what} is an infrastructure failure`, async t => {
		const { url } = await stubServer(t, answer);
		const { status, said } = await submit(t, ['--server', url, '--token-file', 'token']);
		t.is(status, 69, said);
		t.regex(said, message);
	});
}

for (const [argv, env, message] of [
	[[], {}, /no server: give '--server URL', or set KCIDB_REST/],
	[
		['--server', 'http://kcidb.example.org/submit'],
		{},
		/option '--server' is not a server that a token may be sent to/,
	],
	[['--server', 'nonsense'], {}, /option '--server' is not a server/],
	[['--server', 'https://secret@kcidb.example.org'], {}, /option '--server' contains a user or token/],
	[['--server', 'https://kcidb.example.org'], {}, /no token: give '--token-file FILE'/],
	[['--server', 'https://kcidb.example.org'], { KCIDB_JWT: 'a\nb: c' }, /characters that no token has/],
	[['--server', 'https://x', '--token-file', 'none'], {}, /'none' of option '--token-file' cannot be read/],
	[['--commit', 'HEAD'], {}, /'HEAD' of option '--commit' is not allowed; allowed: 40 or 64 hexadecimal digits/],
	[['--url', 'https://user:word@x/y'], {}, /of option '--url' is not allowed/],
	[['--origin', 'My Lab'], {}, /of option '--origin' is not allowed/],
] as const) {
	test(`refused: ${argv.join(' ')} ${Object.keys(env).join(' ')}`, async t => {
		const { status, said } = await submit(t, argv, { env });
		t.is(status, 2, said);
		t.regex(said, message);
	});
}
