import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import test from 'ava';
import { UsageError } from '../lib/errors.ts';
import type { QmpClient } from './client.ts';
import { type ConnectOptions, connectQmp } from './connect.ts';
import type { QmpError } from './errors.ts';
import {
	listenScripted,
	type ScriptedAnswer,
	type ScriptedCommand,
	ScriptedPeer,
	scriptedGreeting,
	scriptedPair,
} from './testing/scripted-peer.ts';

async function connectTo(
	handler?: (command: ScriptedCommand) => ScriptedAnswer | undefined,
	options?: ConnectOptions,
): Promise<{ peer: ScriptedPeer; client: QmpClient }> {
	const { peer, stream } = scriptedPair();
	peer.welcome(handler);
	return { peer, client: await connectQmp(stream, options) };
}

const settled = (promise: Promise<unknown>) =>
	promise.then(
		value => value,
		(error: QmpError) => error.code ?? error,
	);

test('greets, negotiates out-of-band execution, executes', async t => {
	const { peer, client } = await connectTo(({ args }) => ({ value: args ?? null }));
	t.deepEqual(client.greeting.version, scriptedGreeting.QMP.version);
	t.deepEqual(peer.received[0]?.args, { enable: ['oob'] });
	t.deepEqual(await client.execute('echo', { size: 18446744073709551615n }), { size: 18446744073709551615n });
	t.regex(peer.received[1]!.text, /"arguments":\{"size":18446744073709551615\}/);
	t.is(new Set(peer.received.map(({ id }) => id)).size, 2);
	t.true(peer.received.every(({ id }) => typeof id === 'string'));
	await client.close();
	await t.throwsAsync(client.execute('late'), { code: 'QMP_DISCONNECTED' });
});

test('ids differ between connections', async t => {
	const [first, second] = await Promise.all([connectTo(), connectTo()]);
	t.not(first.peer.received[0]?.id, second.peer.received[0]?.id);
});

test('a refusal carries class and desc, and its stack names the caller', async t => {
	const { client } = await connectTo(() => ({ class: 'DeviceNotFound', desc: 'no x' }));
	const error = await t.throwsAsync<QmpError>(async function theCaller() {
		await client.execute('qom-get' as string);
	});
	t.like(error, { code: 'QMP_COMMAND', class: 'DeviceNotFound', desc: 'no x', command: 'qom-get', blame: 'qemu' });
	t.regex(error?.stack ?? '', /theCaller/);
});

test('events and stale replies are handled before the greeting and during the negotiation', async t => {
	const { peer, stream } = scriptedPair();
	peer.event('RESUME');
	peer.sendJson({ return: { stale: true }, id: 'an-earlier-client-1' });
	peer.sendJson({ return: { stale: true } });
	peer.serve(command => {
		if (command.name !== 'qmp_capabilities') return { value: 'mine' };
		peer.event('STOP', { a: 1 });
		peer.sendJson({ return: { stale: true }, id: 'an-earlier-client-2' });
		peer.sendJson({ error: { class: 'GenericError', desc: 'stale' }, id: 'an-earlier-client-3' });
		return { value: {} };
	});
	peer.greet();
	const client = await connectQmp(stream);
	t.deepEqual(
		client.earlyEvents.map(({ event }) => event),
		['RESUME', 'STOP'],
	);
	t.is(await client.execute('x'), 'mine');
});

test('replies are matched by id, in any order and with members in any order', async t => {
	const { peer, client } = await connectTo(() => 'never');
	const replies = ['a', 'b', 'c'].map(name => client.execute(name));
	await new Promise(setImmediate);
	const [a, b, c] = peer.received.slice(1);
	peer.send(`{"id": ${JSON.stringify(c!.id)}, "return": 3}\r\n`);
	peer.sendJson({ return: 99, id: 'nobody' });
	peer.sendJson({ return: 1, id: a!.id! });
	peer.sendJson({ return: 1.5, id: a!.id! });
	peer.sendJson({ return: 2, id: b!.id! });
	t.deepEqual(await Promise.all(replies), [1, 2, 3]);
});

test('at most 8 in-band commands are in flight; an out-of-band one overtakes them', async t => {
	const { peer, client } = await connectTo(({ oob }) => (oob ? { value: 'oob' } : undefined));
	const replies = Array.from({ length: 20 }, (_, index) => client.execute('slow', { index }));
	t.is(await client.execute('query-yank' as string, undefined, { oob: true }), 'oob');
	t.is(peer.received.filter(({ name }) => name === 'slow').length, 8);
	for (let index = 0; index < 20; index++) {
		const command = await peer.next();
		t.deepEqual(command.args, { index });
		peer.answer(command, { value: index });
		await new Promise(setImmediate);
		t.is(peer.received.filter(({ name }) => name === 'slow').length, Math.min(20, 9 + index));
	}
	t.deepEqual(
		await Promise.all(replies),
		Array.from({ length: 20 }, (_, index) => index),
	);
});

test('out of band without the capability is a usage error and nothing is sent', async t => {
	const { peer, client } = await connectTo(undefined, { oob: false });
	t.is(peer.received[0]?.args, undefined);
	await t.throwsAsync(client.execute('yank' as string, {}, { oob: true }), { instanceOf: UsageError });
	t.is(peer.received.length, 1);
});

test('arguments that QMP cannot carry are refused before anything is sent', async t => {
	const { peer, client } = await connectTo();
	for (const args of [[], null, 'x', { a: Number.NaN }, { a: 2 ** 60 }]) {
		await t.throwsAsync(client.execute('x', args as never), { instanceOf: UsageError });
	}
	t.is(peer.received.length, 1);
});

test('a timed-out command keeps its slot until its late reply arrives, which is dropped', async t => {
	const { peer, client } = await connectTo(() => undefined, { maxInFlight: 1 });
	const error = await t.throwsAsync<QmpError>(client.execute('slow', {}, { timeoutMs: 20 }), { code: 'QMP_TIMEOUT' });
	t.regex(error!.message, /^slow: no reply after 20 ms/);
	const next = client.execute('next');
	await t.throwsAsync(client.execute('third', {}, { timeoutMs: 20 }), { message: /owes replies to slow/ });
	t.is(peer.received.length, 2, 'nothing is sent while QEMU holds the first');
	peer.answer(await peer.next(), { value: 'late' });
	peer.answer(await peer.next(), { value: 'right' });
	t.is(await next, 'right');
	t.is(peer.received.at(-1)?.name, 'next', 'the third was never sent');
});

test("commands without a deadline of their own use the connection's", async t => {
	const { peer, client } = await connectTo(({ name }) => (name === 'fine' ? { value: 1 } : undefined), {
		commandTimeoutMs: 40,
		maxInFlight: 2,
	});
	const outcomes = ['slow', 'fine', 'slow', 'queued'].map(name => client.execute(name));
	const patient = client.execute('patient', {}, { timeoutMs: Number.POSITIVE_INFINITY });
	t.deepEqual(await Promise.all(outcomes.map(settled)), ['QMP_TIMEOUT', 1, 'QMP_TIMEOUT', 'QMP_TIMEOUT']);
	peer.serve(() => ({ value: 'late' }));
	for (let turn = 0; turn < 2; turn++) peer.answer(await peer.next(), { value: 'dropped' });
	t.is(await patient, 'late');
	t.is(await settled(client.execute('again')), 'late');
});

test("an abort rejects with the signal's reason, before and after sending", async t => {
	const { peer, client } = await connectTo(() => undefined);
	const reason = new Error('mine');
	await t.throwsAsync(client.execute('x', {}, { signal: AbortSignal.abort(reason) }), { is: reason });
	t.is(peer.received.length, 1);
	const controller = new AbortController();
	const pending = client.execute('x', {}, { signal: controller.signal });
	await peer.next();
	controller.abort();
	await t.throwsAsync(pending, { name: 'AbortError' });
});

test('errors without id: resynchronise, probe, and only what is lost fails', async t => {
	const { peer, client } = await connectTo(command => (command.name === 'query-version' ? { value: {} } : undefined));
	const lost = client.execute('lost');
	const fine = client.execute('fine');
	const [, second] = [await peer.next(), await peer.next()];
	for (let index = 0; index < 1027; index++) {
		peer.sendJson({ error: { class: 'GenericError', desc: `JSON parse error ${index}` } });
	}
	peer.answer(second, { value: 'fine' });
	t.is(await fine, 'fine');
	const error = await t.throwsAsync<QmpError>(lost, { code: 'QMP_PROTOCOL' });
	t.regex(error!.message, /lost: .*JSON parse error 0$/);
	t.is(peer.resynchronised, 1);
	t.is(peer.received.filter(({ name }) => name === 'query-version').length, 1);
	peer.serve(() => ({ value: 'still usable' }));
	t.is(await client.execute('x'), 'still usable');
});

test('an error without id while nothing is in flight is ignored', async t => {
	const { peer, client } = await connectTo();
	peer.sendJson({ error: { class: 'GenericError', desc: 'stale' } });
	await new Promise(setImmediate);
	t.deepEqual(await client.execute('x'), {});
	t.is(peer.resynchronised, 0);
});

test('invalid JSON with a readable id fails only that command', async t => {
	const { peer, client } = await connectTo(({ name, id }) =>
		name === 'bad' ? { raw: `{"return": {"a": inf, "b": -nan, "c": "inf"}, "id": "${id}"}\r\n` } : { value: 1 },
	);
	const [bad, good] = await Promise.allSettled([client.execute('bad'), client.execute('good')]);
	t.like(bad, { status: 'rejected', reason: { code: 'QMP_PROTOCOL', command: 'bad' } });
	t.like(good, { status: 'fulfilled', value: 1 });
	t.is(peer.resynchronised, 0);
});

test('a reply without id and half a reply are detected when commands wait', async t => {
	for (const raw of ['{"return": {}}\r\n', '{"return": {}, "id": "damaged"}\r\n', '{"return": {"a":']) {
		const { client } = await connectTo(({ name }) => (name === 'x' ? { raw } : { value: {} }), { probeAfterMs: 20 });
		t.is(await settled(client.execute('x')), 'QMP_PROTOCOL', raw);
		t.deepEqual(await client.execute('y'), {});
	}
});

test('a peer that does not speak QMP is refused', async t => {
	const hmp = scriptedPair();
	hmp.peer.send("QEMU 10.0.2 monitor - type 'help' for more information\r\n(qemu) ");
	await t.throwsAsync(connectQmp(hmp.stream), { code: 'QMP_PROTOCOL', message: /monitor for people/ });
	const other = scriptedPair();
	other.peer.send('SSH-2.0-OpenSSH_9.2\r\n');
	await t.throwsAsync(connectQmp(other.stream, { timeoutMs: 50 }), { code: 'QMP_PROTOCOL', message: /SSH-2\.0/ });
	const noise = scriptedPair();
	noise.peer.send('noise\n'.repeat(100));
	await t.throwsAsync(connectQmp(noise.stream), { code: 'QMP_PROTOCOL', message: /16 pieces in a row/ });
	t.true(noise.stream.destroyed);
});

test('the rest of a long reply to an earlier client, which comes before the greeting, is dropped however long it is', async t => {
	const items = Array.from({ length: 3000 }, (_, n) => ({ name: String(n), members: [{ name: 'x', type: 'str' }] }));
	const reply = JSON.stringify({ return: items, id: 'earlier' }).replaceAll('},{', '}, {');
	// Cut within a word, between two items, and in the last item.
	for (const from of [reply.indexOf('members', 5000) + 3, reply.indexOf('}, {"name"', 9000) + 1, reply.length - 12]) {
		const { stream, peer } = scriptedPair();
		peer.send(`${reply.slice(from)}\r\n`);
		peer.welcome(() => ({ value: { status: 'running' } }));
		await using client = await connectQmp(stream, { timeoutMs: 600_000 });
		t.deepEqual(await client.execute('query-status'), { status: 'running' } as never);
	}
});

test('pretty-printed replies are parsed byte by byte', async t => {
	const { peer, client } = await connectTo(({ id }) => {
		const text = `{\n    "return": {\n        "a": "\\u00e9é😀}"\n    },\n    "id": "${id}"\n}\n`;
		for (const byte of Buffer.from(text)) peer.send(Uint8Array.of(byte));
		return 'never';
	});
	t.deepEqual(await client.execute('x'), { a: 'éé😀}' });
});

test('without a greeting the error says that another client may be connected, and the stream is closed', async t => {
	const { stream } = scriptedPair();
	await t.throwsAsync(connectQmp(stream, { timeoutMs: 20 }), { code: 'QMP_TIMEOUT', message: /one client at a time/ });
	t.true(stream.destroyed);
	const aborted = scriptedPair();
	const controller = new AbortController();
	const pending = connectQmp(aborted.stream, { signal: controller.signal });
	controller.abort();
	await t.throwsAsync(pending, { name: 'AbortError' });
	t.true(aborted.stream.destroyed);
});

test('a negotiation that is refused or never answered is an error', async t => {
	const refused = scriptedPair();
	refused.peer.serve(() => ({ class: 'CommandNotFound', desc: 'The command qmp_capabilities has not been found' }));
	refused.peer.greet();
	await t.throwsAsync(connectQmp(refused.stream), { code: 'QMP_COMMAND' });
	const silent = scriptedPair();
	silent.peer.greet();
	await t.throwsAsync(connectQmp(silent.stream, { timeoutMs: 30 }), {
		code: 'QMP_TIMEOUT',
		message: /qmp_capabilities/,
	});
	const gone = scriptedPair();
	gone.peer.greet();
	gone.peer.hangUp();
	await t.throwsAsync(connectQmp(gone.stream), { code: 'QMP_DISCONNECTED' });
});

test('a lost connection rejects everything with the first cause and the end of the process', async t => {
	const { peer, stream } = scriptedPair();
	peer.welcome(() => undefined);
	const client = await connectQmp(stream, {
		maxInFlight: 2,
		describeDeath: async () => ({
			status: null,
			signal: 'SIGABRT',
			stderr: ['Unexpected error', 'Unable to set pmu', ''],
		}),
	});
	const events = client.events();
	const waiting = client.waitEvent('NEVER');
	const pending = Array.from({ length: 5 }, () => client.execute('qom-list-properties' as string));
	await peer.next();
	peer.event('STOP');
	peer.send('{"return": [');
	peer.hangUp();
	for (const result of await Promise.allSettled([...pending, waiting, client.execute('after')])) {
		t.like(result, { status: 'rejected', reason: { code: 'QMP_DISCONNECTED', death: { signal: 'SIGABRT' } } });
		const { reason } = result as PromiseRejectedResult;
		t.regex(reason.message, /in the middle of a message: it was killed by SIGABRT; its last words: Unable to set pmu$/);
	}
	t.is((await events.next()).value?.event, 'STOP');
	await t.throwsAsync(events.next(), { code: 'QMP_DISCONNECTED' });
	t.like(await client.closed, { code: 'QMP_DISCONNECTED' });
	t.is(await settled(client.waitEvent('NEVER')), 'QMP_DISCONNECTED');
	await client.close();
});

test('an unknown end of the process does not delay the error', async t => {
	for (const describeDeath of [
		() => new Promise<never>(() => undefined),
		async () => Promise.reject(new Error('no')),
	]) {
		const { peer, stream } = scriptedPair();
		peer.welcome(() => undefined);
		const client = await connectQmp(stream, { describeDeath, deathTimeoutMs: 20 });
		const pending = client.execute('x');
		await peer.next();
		peer.hangUp();
		t.is(await settled(pending), 'QMP_DISCONNECTED');
	}
});

test('close() waits, half-closed, for the pending reply', async t => {
	await using server = await listenScripted(peer => peer.welcome(() => undefined));
	const client = await connectQmp(server.path);
	const pending = settled(client.execute('slow'));
	const command = await server.peers[0]!.next();
	const closing = client.close();
	t.is(await pending, 'QMP_DISCONNECTED');
	await server.peers[0]!.ended;
	t.true(server.peers[0]!.stream.writable, 'the client can still be written to');
	server.peers[0]!.answer(command, { value: {} });
	server.peers[0]!.hangUp();
	await closing;
	t.is(await client.closed, undefined);
	await client.close();
});

test('unix socket: missing, refused, too long, not yet there, reset', async t => {
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-qmp-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const address = path.join(folder, 'q');
	await t.throwsAsync(connectQmp(address), { code: 'QMP_CONNECT', message: /no such socket \(ENOENT\)/ });
	await t.throwsAsync(connectQmp('/tmp/'.padEnd(120, 'x')), { instanceOf: UsageError, message: /107/ });
	await t.throwsAsync(connectQmp(address, { retry: true, timeoutMs: 60 }), { code: 'QMP_CONNECT', message: /ENOENT/ });
	const pending = connectQmp(address, { retry: true });
	const server = net.createServer(socket => {
		socket.write(`${JSON.stringify(scriptedGreeting)}\r\n`);
		socket.once('data', () => socket.destroy());
	});
	setTimeout(() => server.listen(address), 30);
	await t.throwsAsync(pending, { code: 'QMP_DISCONNECTED' });
	await new Promise(resolve => server.close(resolve));
});

test('TCP: refused, reset, and an address that is being connected to', async t => {
	const server = net.createServer(socket => {
		socket.write(`${JSON.stringify(scriptedGreeting)}\r\n`);
		socket.once('data', () => socket.resetAndDestroy());
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as net.AddressInfo;
	await t.throwsAsync(connectQmp({ host: '127.0.0.1', port }), { code: 'QMP_DISCONNECTED' });
	await new Promise(resolve => server.close(resolve));
	await t.throwsAsync(connectQmp({ host: '127.0.0.1', port }), { code: 'QMP_CONNECT', message: /ECONNREFUSED/ });
	await t.throwsAsync(connectQmp(net.connect(port, '127.0.0.1')), { code: 'QMP_CONNECT' });
});

test('both directions are recorded unchanged', async t => {
	const seen: string[] = [];
	const { stream, peer } = scriptedPair();
	peer.welcome();
	const client = await connectQmp(stream, {
		record: ({ direction, text }) => seen.push(`${direction} ${text.trim()}`),
	});
	await client.execute('x');
	t.is(seen.length, 5);
	t.is(seen[0], `received ${JSON.stringify(scriptedGreeting)}`);
	t.regex(seen[3]!, /^sent \{"execute":"x","id":"\w{6}"\}$/);
	t.regex(seen[4]!, /^received \{"return":\{\},"id":"\w{6}"\}$/);
});

test('a long reply over a real socket arrives with the events within it and the reply after it', async t => {
	const long = 'é😀'.repeat(100_000);
	await using server = await listenScripted(peer =>
		peer.welcome(({ name }) => {
			peer.event('BEFORE', { name });
			return { value: name === 'long' ? long : 'short' };
		}),
	);
	await using client = await connectQmp(server.path);
	const events = client.events('BEFORE');
	const replies = await Promise.all(['long', 'short', 'long'].map(name => client.execute(name)));
	t.deepEqual(replies, [long, 'short', long]);
	t.deepEqual((await events.next()).value?.data, { name: 'long' });
});

test('an inherited file descriptor can be used', async t => {
	const program = `
		const { connectQmp } = await import(process.argv[1]);
		const qmp = await connectQmp({ fd: 3 });
		console.log(await qmp.execute('query-answer'));
		await qmp.closed;`;
	const child = spawn(
		process.execPath,
		['--input-type=module', '-e', program, '--', path.join(import.meta.dirname, 'connect.ts')],
		{ stdio: ['ignore', 'pipe', 'inherit', 'pipe'] },
	);
	t.teardown(() => child.kill('SIGKILL'));
	const peer = new ScriptedPeer(child.stdio[3] as Duplex).welcome(() => ({ value: 42 }));
	const [answer] = await once(child.stdout!, 'data');
	t.is(String(answer), '42\n');
	peer.hangUp();
	t.deepEqual(await once(child, 'close'), [0, null]);
});

test('no deadline means that nothing times out', async t => {
	await using server = await listenScripted(peer => peer.welcome());
	await using client = await connectQmp(server.path, { timeoutMs: Number.POSITIVE_INFINITY });
	const event = client.waitEvent('STOP', { timeoutMs: Number.POSITIVE_INFINITY });
	await new Promise(resolve => setTimeout(resolve, 20));
	server.peers[0]!.event('STOP');
	t.is((await event).event, 'STOP');
	t.deepEqual(await client.execute('x', {}, { timeoutMs: Number.POSITIVE_INFINITY }), {});
});

test('a failing recorder ends the connection, and is the cause', async t => {
	for (const failing of ['sent', 'received']) {
		const { peer, stream } = scriptedPair();
		peer.welcome();
		let working = true;
		const record = ({ direction }: { direction: string }) => {
			if (!working && direction === failing) throw new Error('ENOSPC: no space left on device');
		};
		const client = await connectQmp(stream, { record });
		working = false;
		const message = /cannot be recorded: ENOSPC/;
		const error = await t.throwsAsync<QmpError>(client.execute('x'), { code: 'QMP_DISCONNECTED', message });
		t.is(error?.cause, await client.closed);
		t.true(stream.destroyed);
	}
});

test('impossible options are refused', async t => {
	const { peer, stream } = scriptedPair();
	peer.welcome();
	await using client = await connectQmp(stream);
	for (const capacity of [0, -1, Number.NaN]) {
		t.throws(() => client.events('STOP', { capacity }), { instanceOf: UsageError, message: /capacity/ });
	}
	for (const maxInFlight of [0, 9, 1.5, Number.NaN]) {
		await t.throwsAsync(connectQmp('/nowhere', { maxInFlight }), { instanceOf: UsageError, message: /from 1 to 8/ });
	}
	await t.throwsAsync(client.execute('x', {}, { timeoutMs: Number.NaN }), {
		instanceOf: UsageError,
		message: /timeoutMs/,
	});
});
