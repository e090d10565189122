import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { eitherSignal } from './either-signal.ts';

test('the first abort counts, with its reason; after it no signal is listened to', t => {
	const [first, second] = [new AbortController(), new AbortController()];
	const { signal } = eitherSignal(first.signal, undefined, second.signal);
	t.false(signal.aborted);
	second.abort(new Error('second'));
	first.abort(new Error('first'));
	t.is(signal.reason.message, 'second');
	t.deepEqual(getEventListeners(first.signal, 'abort'), []);
	t.is(eitherSignal(first.signal, second.signal).signal.reason.message, 'first');
});

test('after disposal it hears nothing, and keeps nothing', t => {
	const source = new AbortController();
	const either = eitherSignal(source.signal);
	either[Symbol.dispose]();
	t.deepEqual(getEventListeners(source.signal, 'abort'), []);
	source.abort();
	t.false(either.signal.aborted);
});

test('an abort arrives after a garbage collection, even without listeners', async t => {
	setFlagsFromString('--expose-gc');
	const collect = runInNewContext('gc') as () => void;
	const late = () => {
		const source = new AbortController();
		setTimeout(() => source.abort(new Error('late')), 300);
		return source.signal;
	};
	const wait = async ({ signal }: { signal: AbortSignal }) => {
		for (let time = 0; time < 6; time++) {
			await delay(100);
			collect();
		}
		return signal.aborted;
	};
	t.true(await wait({ signal: eitherSignal(new AbortController().signal, late()).signal }));
});
