import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import type { QmpClient } from './client.ts';
import type { QmpError } from './errors.ts';
import { type QemuSuite, qemuSuites, startRealQemu } from './testing/real-qemu.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;

interface Tally {
	done: number;
	refused: number;
	aborted: number;
	timedOut: number;
	/** Replies that belong to another command. */
	wrong: number;
	events: number;
}

/** Executes one of many kinds of commands, chosen by `index`; the reply must match it. */
async function one(qmp: QmpClient, index: number, shared: AbortSignal, tally: Tally): Promise<void> {
	const own = new AbortController();
	if (index % 10 === 0) queueMicrotask(() => own.abort());
	else if (index % 10 === 3) setImmediate(() => own.abort());
	const signal = index % 10 === 0 || index % 10 === 3 ? own.signal : shared;
	const limits = { signal, timeoutMs: index % 10 === 1 ? index % 3 : 60_000 };
	const isStatus = (value: unknown) => typeof (value as { running?: unknown }).running === 'boolean';
	try {
		let own: boolean;
		if (index % 4 === 0) own = isStatus(await qmp.execute('query-status', undefined, limits));
		else if (index % 4 === 1) {
			own = Array.isArray(await qmp.execute('query-yank', undefined, { ...limits, oob: index % 8 === 1 }));
		} else if (index % 4 === 2) {
			await qmp.execute(index % 8 === 2 ? 'cont' : 'stop', undefined, limits);
			own = true;
		} else {
			await qmp.execute('qom-get', { path: `/${index}`, property: 'x' }, limits);
			own = false;
		}
		tally.done++;
		if (!own) tally.wrong++;
	} catch (error) {
		const { name, code, desc } = error as QmpError;
		if (name === ('AbortError' as string)) tally.aborted++;
		else if (code === 'QMP_TIMEOUT') tally.timedOut++;
		else if (code === 'QMP_COMMAND' && desc?.includes(`'/${index}'`)) tally.refused++;
		else tally.wrong++;
	}
}

for (const [suite, version] of Object.entries(qemuSuites)) {
	test.serial(`10,000 commands with events, aborts and timeouts leave nothing behind [QEMU ${version}]`, async t => {
		await using qemu = await startRealQemu(suite as QemuSuite);
		const qmp = await qemu.connect();
		const shared = new AbortController();
		const lanes = 50;
		const round = async (count: number): Promise<Tally> => {
			const tally: Tally = { done: 0, refused: 0, aborted: 0, timedOut: 0, wrong: 0, events: 0 };
			const events = qmp.events(({ event }) => event === 'STOP' || event === 'RESUME');
			const taking = (async () => {
				for await (const _ of events) tally.events++;
			})();
			const lane = async (first: number) => {
				for (let index = first; index < count; index += lanes) {
					const waiting = qmp.waitEvent('STOP', { signal: shared.signal, timeoutMs: 5 }).catch(() => undefined);
					await one(qmp, index, shared.signal, tally);
					await waiting;
				}
			};
			await Promise.all(Array.from({ length: lanes }, (_, first) => lane(first)));
			await events.return();
			await taking;
			return tally;
		};
		const left = async () => {
			// The last replies to abandoned commands have not arrived yet.
			await qmp.execute('query-status');
			collectGarbage();
			return {
				timers: timers(),
				listeners: getEventListeners(shared.signal, 'abort').length,
				heap: process.memoryUsage().heapUsed,
			};
		};
		await round(2000);
		const before = await left();
		const tally = await round(10_000);
		const after = await left();
		t.is(tally.wrong, 0);
		t.is(tally.done + tally.refused + tally.aborted + tally.timedOut, 10_000);
		t.true(tally.aborted >= 1000, `${tally.aborted} aborted`);
		t.true(tally.timedOut > 0 && tally.refused > 1000 && tally.events > 100, JSON.stringify(tally));
		t.is(after.timers, before.timers);
		t.is(after.listeners, 0);
		t.log(`${JSON.stringify(tally)}; the heap grew by ${after.heap - before.heap} bytes`);
		t.true(after.heap - before.heap < 1_000_000, `the heap grew by ${after.heap - before.heap} bytes`);
		await qmp.close();
		t.is(timers(), 0);
	});
}
