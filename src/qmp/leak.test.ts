import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { connectQmp } from './connect.ts';
import { scriptedPair } from './testing/scripted-peer.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const activeTimers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;

test('10,000 commands with events, aborts and timeouts leave no timer, listener or memory', async t => {
	const { peer, stream } = scriptedPair();
	let asked = 0;
	peer.welcome(() => {
		asked++;
		if (asked % 3 === 0) peer.event('RTC_CHANGE', { offset: asked });
		return { value: { padding: 'x'.repeat(100) } };
	});
	const client = await connectQmp(stream);
	const signals = new AbortController();
	let added = 0;
	const { signal } = signals;
	const add = signal.addEventListener.bind(signal);
	const remove = signal.removeEventListener.bind(signal);
	signal.addEventListener = ((...args: Parameters<typeof add>) => {
		added++;
		add(...args);
	}) as typeof add;
	signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
		added--;
		remove(...args);
	}) as typeof remove;
	const streamListeners = () => stream.eventNames().reduce((sum, name) => sum + stream.listenerCount(name), 0);

	const round = async (count: number) => {
		const outcomes = { done: 0, aborted: 0, timedOut: 0, events: 0 };
		const seen = client.events('RTC_CHANGE');
		const taking = (async () => {
			for await (const _ of seen) outcomes.events++;
		})();
		await Promise.all(
			Array.from({ length: count }, async (_, index) => {
				const own = new AbortController();
				if (index % 10 === 0) queueMicrotask(() => own.abort());
				const wait = client.waitEvent('RTC_CHANGE', { signal, timeoutMs: 60_000 }).catch(() => undefined);
				try {
					await client.execute(
						'x',
						{ index },
						{
							signal: index % 10 === 0 ? own.signal : signal,
							timeoutMs: index % 10 === 1 ? 0 : 60_000,
						},
					);
					outcomes.done++;
				} catch (error) {
					if ((error as Error).name === 'AbortError') outcomes.aborted++;
					else outcomes.timedOut++;
				}
				peer.event('RTC_CHANGE', { last: true });
				await wait;
			}),
		);
		await seen.return();
		await taking;
		t.is(outcomes.done + outcomes.aborted + outcomes.timedOut, count);
		t.is(outcomes.aborted, count / 10);
		t.true(outcomes.events > 0);
	};

	await round(1000);
	const before = { timers: activeTimers(), listeners: streamListeners(), added };
	collectGarbage();
	const heapBefore = process.memoryUsage().heapUsed;
	for (let turn = 0; turn < 10; turn++) await round(1000);
	await client.execute('last');
	collectGarbage();
	t.is(added, 0);
	t.deepEqual({ timers: activeTimers(), listeners: streamListeners(), added }, before);
	t.true(process.memoryUsage().heapUsed - heapBefore < 5_000_000);
	await client.close();
	t.is(await client.closed, undefined);
});
