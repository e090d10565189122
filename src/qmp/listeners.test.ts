import test from 'ava';
import { connectQmp } from './connect.ts';
import { scriptedPair } from './testing/scripted-peer.ts';
import type { QmpEvent } from './wire/messages.ts';

async function connect() {
	const { peer, stream } = scriptedPair();
	peer.welcome();
	return { peer, client: await connectQmp(stream) };
}

const names = (events: readonly QmpEvent[]) => events.map(({ event }) => event);

test('listening starts with the call, and each listener has its own events, in order', async t => {
	const { peer, client } = await connect();
	const all = client.events();
	const stops = client.events('STOP');
	const byData = client.events(({ data }) => data?.guest === true);
	peer.event('STOP');
	peer.event('RESET', { guest: true });
	peer.event('STOP', { guest: true });
	await client.execute('x');
	t.deepEqual([all.size, stops.size, byData.size], [3, 2, 2]);
	await client.close();
	t.deepEqual(names(await Array.fromAsync(all)), ['STOP', 'RESET', 'STOP']);
	t.deepEqual(names(await Array.fromAsync(stops)), ['STOP', 'STOP']);
	t.deepEqual(names(await Array.fromAsync(byData)), ['RESET', 'STOP']);
});

test('waitEvent sees an event that comes before the reply to the command that triggers it', async t => {
	const { peer, client } = await connect();
	peer.serve(() => {
		peer.event('STOP');
		return { value: {} };
	});
	const stopped = client.waitEvent('STOP');
	await client.execute('stop');
	t.is((await stopped).event, 'STOP');
	await t.throwsAsync(client.waitEvent('STOP', { timeoutMs: 10 }), { code: 'QMP_TIMEOUT', message: /the event STOP/ });
});

test('a full queue is an error after the events that fit, and ends the listener', async t => {
	const { peer, client } = await connect();
	const few = client.events(undefined, { capacity: 2 });
	const many = client.events();
	for (const name of ['A', 'B', 'C', 'D']) peer.event(name);
	await client.execute('x');
	t.is((await few.next()).value?.event, 'A');
	t.is((await few.next()).value?.event, 'B');
	await t.throwsAsync(few.next(), { code: 'QMP_OVERFLOW', message: /2 events wait to be taken, and C came/ });
	t.true((await few.next()).done);
	t.is(many.size, 4);
});

test('a predicate that throws ends only its own listener', async t => {
	const { peer, client } = await connect();
	const reason = new Error('mine');
	const bad = client.events(() => {
		throw reason;
	});
	const good = client.events();
	peer.event('A');
	await client.execute('x');
	await t.throwsAsync(bad.next(), { is: reason });
	t.is((await good.next()).value?.event, 'A');
});

test('leaving the loop unsubscribes; an abort ends the loop with its reason', async t => {
	const { peer, client } = await connect();
	const listener = client.events();
	peer.event('A');
	peer.event('B');
	for await (const { event } of listener) {
		t.is(event, 'A');
		break;
	}
	peer.event('C');
	await client.execute('x');
	t.is(listener.size, 0);
	t.true((await listener.next()).done);

	const controller = new AbortController();
	const aborted = client.events(undefined, { signal: controller.signal }).next();
	controller.abort();
	await t.throwsAsync(aborted, { name: 'AbortError' });
	await t.throwsAsync(client.events(undefined, { signal: controller.signal }).next(), { name: 'AbortError' });
	await t.throwsAsync(client.waitEvent('A', { signal: controller.signal }), { name: 'AbortError' });
});

test('concurrent consumers get one event each; disposal ends them', async t => {
	const { peer, client } = await connect();
	const listener = client.events();
	const takers = [listener.next(), listener.next(), listener.next()];
	peer.event('A');
	peer.event('B');
	await client.execute('x');
	await listener[Symbol.asyncDispose]();
	t.deepEqual(
		(await Promise.all(takers)).map(({ value }) => value?.event),
		['A', 'B', undefined],
	);
});
