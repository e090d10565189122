import test from 'ava';
import fc from 'fast-check';
import { TerminalClient } from './terminal.ts';

/** The first bytes that busybox' telnetd sends (IAC DO ECHO, DO NAWS, WILL ECHO, WILL SGA), and a sub-negotiation. */
const negotiation = Buffer.from('fffd01fffd1ffffb01fffb03fffa1801fff0', 'hex');

test("text arrives unchanged however it is split, without the protocol's own bytes", t => {
	fc.assert(
		fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), fc.integer({ min: 1, max: 9 }), (texts, step) => {
			const client = new TerminalClient();
			const sent = Buffer.concat(texts.flatMap(text => [negotiation, client.send(text)]));
			const shown: Buffer[] = [];
			for (let at = 0; at < sent.length; at += step) shown.push(client.receive(sent.subarray(at, at + step)));
			t.deepEqual(Buffer.concat(shown), Buffer.concat(texts));
		}),
	);
});

test('a window size is a sub-negotiation, with 255 doubled (RFC 1073)', t => {
	const client = new TerminalClient();
	t.is(client.windowSize(255, 24).toString('hex'), 'fffa1f00ffff0018fff0');
	t.is(client.receive(client.windowSize(80, 24)).length, 0);
});
