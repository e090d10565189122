import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { poll } from '../../src/lib/index.ts';
import { type Broker, connectBroker, type EventBody, serveBroker } from './broker.ts';

/** Waits for a condition, however slow the machine is. */
const patient = { timeoutMs: 600_000 };

/** A run that gives every cell a lease and records what becomes of it. */
async function served(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const log: string[] = [];
	const owned = (name: string) => ({
		[Symbol.asyncDispose]: async () => void log.push(`${name} given back`),
	});
	const run: Broker = {
		acquire: async cell => {
			log.push(`${cell} taken`);
			return owned(cell) as unknown as Awaited<ReturnType<Broker['acquire']>>;
		},
		countAlone: async cell => owned(`counters for ${cell}`),
		processes: (cell, pids) => void log.push(`${cell} is ${pids.join(' ')}`),
		othersProcesses: async () => [41, 42],
		kept: cell => void log.push(`${cell} kept`),
		emit: (event: EventBody) => void log.push(event.event),
		[Symbol.asyncDispose]: async () => undefined,
	};
	const socket = path.join(folder, 'broker');
	const server = await serveBroker(run, socket);
	t.teardown(() => server[Symbol.asyncDispose]());
	return { log, socket, server };
}

test('a worker takes and gives back independently of others', async t => {
	const { log, socket } = await served(t);
	const broker = await connectBroker(socket);
	{
		await using _lease = await broker.acquire('a');
		await using _alone = await broker.countAlone('a');
		broker.emit({ event: 'cell-start', cell: 'a' });
	}
	await broker[Symbol.asyncDispose]();
	await poll('what was taken', () => (log.includes('a given back') ? true : undefined), patient);
	t.deepEqual(log, ['a taken', 'cell-start', 'counters for a given back', 'a given back']);
});

test('processes of cells are reported and returned on request', async t => {
	const { log, socket } = await served(t);
	const broker = await connectBroker(socket);
	broker.processes('a', [1, 2]);
	t.deepEqual(await broker.othersProcesses('a'), [41, 42]);
	t.deepEqual(log, ['a is 1 2']);
	await broker[Symbol.asyncDispose]();
});

test('a worker that dies, even in the middle of a message, gives back what it had and disturbs no other', async t => {
	const { log, socket, server } = await served(t);
	const dying = connect(socket);
	dying.write('{"type":"acquire","number":1,"cell":"a"}\n{"type":"event","event":{"event":"cell-e');
	await new Promise(resolve => dying.once('data', resolve));
	dying.destroy();
	await poll('its return', () => (log.includes('a given back') ? true : undefined), patient);
	t.deepEqual(log, ['a taken', 'a given back']);
	t.false(server.killWorkerOf('a'));
	const broker = await connectBroker(socket);
	await using _lease = await broker.acquire('b');
	t.is(log.at(-1), 'b taken');
	await broker[Symbol.asyncDispose]();
});

test('a worker killed before it read its answers resets the connection, and nothing else ends', async t => {
	const { log, socket } = await served(t);
	const dying = connect(socket).pause();
	dying.write('{"type":"acquire","number":1,"cell":"a"}\n');
	await poll('the answer', () => (log.includes('a taken') ? true : undefined), patient);
	await delay(50);
	// The kernel answers ECONNRESET to whoever has data on its way to a socket that was closed (unix(7)).
	dying.destroy();
	await poll('its return', () => (log.includes('a given back') ? true : undefined), patient);
	const broker = await connectBroker(socket);
	await using _lease = await broker.acquire('b');
	t.is(log.at(-1), 'b taken');
	await broker[Symbol.asyncDispose]();
});

test('a request to a run that has ended is answered with that', async t => {
	const { socket, server } = await served(t);
	const broker = await connectBroker(socket);
	const closing = server[Symbol.asyncDispose]();
	await delay(2200);
	await closing;
	await t.throwsAsync(broker.acquire('a'), { message: 'the run ended' });
});
