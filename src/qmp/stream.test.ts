import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { type JsonObject, type JsonValue, parseJson } from '../lib/text/json.ts';
import type { QmpClient } from './client.ts';
import { connectQmp } from './connect.ts';
import type { QmpError } from './errors.ts';
import { recordedSessions } from './testing/recorded.ts';
import { type ScriptedPeer, scriptedPair } from './testing/scripted-peer.ts';

/** Replies and events of a real session, in order. A reply is matched by its `return` or `error`. */
const incoming = recordedSessions.map(({ records }) =>
	records
		.filter(({ direction }) => direction === 'received')
		.slice(2)
		.map(({ text }) => text.trim()),
);
const isReply = (text: string) => /"id": "[^"]*"\}$|^\{"id": /.test(text);

interface Started {
	readonly client: QmpClient;
	readonly peer: ScriptedPeer;
	/** What the server writes: a real session's replies and events, with this client's ids. */
	readonly bytes: Buffer;
	readonly outcomes: Promise<PromiseSettledResult<JsonValue>[]>;
	readonly expected: readonly (JsonValue | 'error')[];
	readonly events: string[];
	/** Where each reply ends. */
	readonly ends: readonly number[];
}

/** Makes a client with up to 8 commands in flight and a peer that has not answered yet. */
async function start(session: readonly string[], count = 8): Promise<Started> {
	const { peer, stream } = scriptedPair();
	peer.welcome(() => undefined);
	const client = await connectQmp(stream, { probeAfterMs: 10 });
	const events: string[] = [];
	(async () => {
		for await (const { event } of client.events()) events.push(event);
	})().catch(() => undefined);
	const replies = session.filter(isReply).slice(0, count);
	const outcomes = Promise.allSettled(replies.map((_, index) => client.execute(`command-${index}`)));
	const ids: unknown[] = [];
	for (const _ of replies) ids.push((await peer.next()).id);
	const ends: number[] = [];
	let text = '';
	for (const message of session) {
		if (isReply(message)) {
			if (ids.length === 0) break;
			text += message.replace(/"id": "[^"]*"(?=\}$|, "error")/, `"id": "${ids.shift()}"`);
			ends.push(Buffer.byteLength(text));
		} else text += message;
		text += '\r\n';
	}
	const expected = replies.map(reply => {
		const { return: value } = parseJson(reply) as JsonObject;
		return value === undefined ? 'error' : value;
	});
	return { client, peer, bytes: Buffer.from(text), outcomes, expected, events, ends };
}

const valueOfResult = (result: PromiseSettledResult<JsonValue>): JsonValue =>
	result.status === 'fulfilled' ? result.value : (result.reason as QmpError).code === 'QMP_COMMAND' ? 'error' : 'LOST';

/** Short sessions, tested at every byte. */
const short = incoming.map(session => session.filter(text => text.length < 200));

test('a real session gives the same replies and events however it is split', async t => {
	await fc.assert(
		fc.asyncProperty(
			fc.constantFrom(...incoming),
			fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
			async (session, sizes) => {
				const { client, peer, bytes, outcomes, expected } = await start(session);
				for (let at = 0, turn = 0; at < bytes.length; turn++) {
					const size = sizes[turn % sizes.length]!;
					peer.send(bytes.subarray(at, at + size));
					at += size;
				}
				t.deepEqual((await outcomes).map(valueOfResult), expected);
				t.is(peer.resynchronised, 0);
				await client.close();
			},
		),
		{ numRuns: 60 },
	);
});

test('if a connection ends at any byte, complete replies count, the others fail, and nothing hangs', async t => {
	for (const session of short) {
		const { bytes, client } = await start(session);
		await client.close();
		for (let length = 0; length <= bytes.length; length++) {
			const started = await start(session);
			started.peer.send(started.bytes.subarray(0, length));
			started.peer.hangUp();
			const results = await started.outcomes;
			const whole = started.ends.filter(end => end <= length).length;
			const wanted = started.expected.map((value, index) => (index < whole ? value : 'LOST'));
			t.deepEqual(results.map(valueOfResult), wanted, `${length} bytes`);
			for (const result of results.slice(whole)) {
				t.like(result, { status: 'rejected', reason: { code: 'QMP_DISCONNECTED' } });
			}
			t.like(await started.client.closed, { code: 'QMP_DISCONNECTED' });
		}
	}
});

test('with damage anywhere, every command settles, and only those near the damage fail', async t => {
	await fc.assert(
		fc.asyncProperty(
			fc.constantFrom(...short),
			fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
			fc.integer({ min: 0, max: 255 }),
			fc.constantFrom('replace', 'insert', 'delete'),
			async (session, where, byte, how) => {
				const { client, peer, bytes, outcomes, expected, ends } = await start(session);
				const at = Math.floor(where * bytes.length);
				const middle = how === 'delete' ? [] : [byte];
				peer.serve(command => (command.name === 'query-version' ? { value: {} } : { value: 'after' }));
				peer.send(
					Buffer.concat([bytes.subarray(0, at), Buffer.from(middle), bytes.subarray(at + (how === 'insert' ? 0 : 1))]),
				);
				const results = await Promise.race([outcomes, delay(600_000, undefined, { ref: false })]);
				if (results === undefined) throw new Error(`a command hangs: ${how} ${byte} at ${at}`);
				const wrong = results
					.map(valueOfResult)
					.flatMap((value, index) => (JSON.stringify(value) === JSON.stringify(expected[index]) ? [] : [index]));
				const near = ends.findIndex(end => end > at);
				// Damage may also affect the next message, and may turn one command's id into another's.
				for (const index of wrong) {
					if (results[index]!.status === 'rejected' || index === near) continue;
					throw new Error(`command ${index} got another's reply: ${how} ${byte} at ${at}, in reply ${near}`);
				}
				t.true(wrong.length <= 2, `${how} ${byte} at ${at} of reply ${near}: ${wrong}`);
				t.is(await client.execute('after'), 'after');
				await client.close();
			},
		),
		{ numRuns: 400 },
	);
});
