import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type { Host } from '../../../src/host/index.ts';
import { Boards } from './boards.ts';

/** Boards that only record what is done with them. */
function fakeBoards(most = 10) {
	const calls: string[] = [];
	const made = new Map<string, Host>();
	const boards = new Boards({
		async host(on, copy) {
			const name = `${on}#${copy}`;
			const call = (what: string) => async () => {
				await delay(2);
				calls.push(`${what} ${name}`);
			};
			const host = made.get(name) ?? ({ name, halt: call('halt'), proceed: call('proceed') } as unknown as Host);
			made.set(name, host);
			return host;
		},
		async retire(on, copy) {
			made.delete(`${on}#${copy}`);
			calls.push(`retire ${on}#${copy}`);
		},
		most,
	});
	return { boards, calls };
}

test('each cell has a copy of the board to itself, which is paused when the cell leaves and then reused', async t => {
	const { boards, calls } = fakeBoards();
	const [one, two] = await Promise.all([boards.take('board:a'), boards.take('board:a')]);
	t.deepEqual([one.host.name, two.host.name], ['board:a#0', 'board:a#1']);
	await one[Symbol.asyncDispose]();
	const three = await boards.take('board:a');
	t.is(three.host.name, 'board:a#0');
	t.deepEqual(calls.slice(2), ['halt board:a#0', 'proceed board:a#0']);
});

test('beyond the limit, the copy that has been idle longest ends', async t => {
	const { boards, calls } = fakeBoards(2);
	for (const on of ['board:a', 'board:b', 'board:c']) await (await boards.take(on))[Symbol.asyncDispose]();
	t.deepEqual(
		calls.filter(call => call.startsWith('retire')),
		['retire board:a#0'],
	);
	const again = await boards.take('board:a');
	t.is(again.host.name, 'board:a#0');
	t.is(calls.filter(call => call.startsWith('retire')).at(-1), 'retire board:b#0');
});

test('a cell does not wait because too many copies are in use', async t => {
	const { boards, calls } = fakeBoards(1);
	const taken = await Promise.all(['board:a', 'board:a', 'board:b'].map(on => boards.take(on)));
	t.is(new Set(taken.map(one => one.host.name)).size, 3);
	t.false(calls.some(call => call.startsWith('retire')));
});

test('a board is starting until its first copy has started', async t => {
	const { promise, resolve } = Promise.withResolvers<Host>();
	const host = { name: 'a', halt: async () => undefined, proceed: async () => undefined } as unknown as Host;
	const boards = new Boards({ host: async () => await promise, retire: async () => undefined, most: 10 });
	t.false(boards.isStarting('board:a'));
	boards.prepare('board:a');
	const taken = boards.take('board:a');
	t.true(boards.isStarting('board:a'));
	t.false(boards.isStarting('board:b'));
	resolve(host);
	await taken;
	t.false(boards.isStarting('board:a'));
	boards.prepare('board:a');
	t.false(boards.isStarting('board:a'), 'a further copy takes a restore only');
});

test('a host that is not a board is neither copied nor paused', async t => {
	const { boards, calls } = fakeBoards();
	const [one, two] = await Promise.all([boards.take('local'), boards.take('local')]);
	t.is(one.host, two.host);
	await one[Symbol.asyncDispose]();
	t.deepEqual(calls, []);
});

test('a board that cannot be started is an error for each cell that wants it', async t => {
	const boards = new Boards({
		host: () => Promise.reject(new Error('no such board')),
		retire: async () => undefined,
		most: 1,
	});
	await t.throwsAsync(boards.take('board:a'), { message: 'no such board' });
	await t.throwsAsync(boards.take('board:a'), { message: 'no such board' });
});
