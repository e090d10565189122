import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { attachTerminal } from './attach.ts';

/** A scripted person at a terminal, and a scripted guest console. */
function stage(options: { terminal?: boolean; raw?: boolean } = {}) {
	const modes: boolean[] = [];
	const stdin = Object.assign(new PassThrough(), {
		isTTY: options.terminal ?? true,
		isRaw: options.raw ?? false,
		setRawMode: (mode: boolean) => modes.push(mode),
	});
	const stdout = new PassThrough();
	const sent: Buffer[] = [];
	const listeners = new Set<(bytes: Buffer) => void>();
	const { promise: closed, resolve: close } = Promise.withResolvers<void>();
	const console = {
		write: async (bytes: Uint8Array | string) => void sent.push(Buffer.from(bytes as Uint8Array)),
		onBytes: (listener: (bytes: Buffer) => void) => {
			listeners.add(listener);
			return { [Symbol.dispose]: () => void listeners.delete(listener) };
		},
		closed,
	};
	return {
		...{ stdin, stdout, console, modes, close, listeners },
		sent: () => Buffer.concat(sent).toString('latin1'),
		shown: () => (stdout.read() as Buffer | null)?.toString('latin1') ?? '',
		say: (text: string) => {
			for (const listener of listeners) listener(Buffer.from(text));
		},
	};
}

test('keys go to the guest, its output to the terminal, Ctrl-A X leaves', async t => {
	const { stdin, stdout, console, modes, say, sent, shown, listeners } = stage();
	const attached = attachTerminal({ console, stdin, stdout });
	say('# ');
	stdin.write('ls\r\x03');
	await turn();
	stdin.write('\x01');
	stdin.write('xnever sent');
	t.is(await attached, 'left');
	t.is(sent(), 'ls\r\x03');
	t.is(shown(), '# ');
	t.deepEqual(modes, [true, false]);
	t.is(listeners.size, 0);
	t.is(stdin.listenerCount('data'), 0);
	t.true(stdin.isPaused());
});

test('Ctrl-A sends itself, shows help, and passes other keys on', async t => {
	const { stdin, stdout, console, sent, shown } = stage();
	const attached = attachTerminal({ console, stdin, stdout });
	stdin.write('\x01a\x01\x01\x01h\x01c\x01X');
	t.is(await attached, 'left');
	t.is(sent(), '\x01\x01\x01c');
	t.regex(shown(), /Ctrl-A X leaves/);
});

test('the terminal is restored when the console ends and on an abort', async t => {
	const first = stage({ raw: true });
	const attached = attachTerminal(first);
	first.close();
	t.is(await attached, 'ended');
	t.deepEqual(first.modes, [true, true]);
	const second = stage();
	const abort = new AbortController();
	const aborted = attachTerminal({ ...second, signal: abort.signal });
	abort.abort();
	t.is(await aborted, 'aborted');
	t.deepEqual(second.modes, [true, false]);
	t.is(await attachTerminal({ ...stage(), signal: abort.signal }), 'aborted');
});

test('input that is not a terminal is sent unchanged, and its end does not end the session', async t => {
	const { stdin, stdout, console, modes, sent, close } = stage({ terminal: false });
	const attached = attachTerminal({ console, stdin, stdout });
	stdin.end('\x01x');
	await turn();
	await turn();
	t.is(sent(), '\x01x');
	close();
	t.is(await attached, 'ended');
	t.deepEqual(modes, []);
});
