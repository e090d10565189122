import { type JsonObject, parseJson, stringifyJson } from '../../lib/text/json.ts';
import type { QmpRecord } from '../wire/recording.ts';
import type { ScriptedCommand, ScriptedPeer } from './scripted-peer.ts';

export interface ReplayOptions {
	/** Hang up after the last message, as QEMU does when it quits. Default: stay connected and refuse further commands. */
	readonly hangUpAtEnd?: boolean;
	/** How to write a message; for tests of chunking. */
	readonly write?: (peer: ScriptedPeer, text: string) => void;
}

/**
 * Plays QEMU's part of a recorded session. Sends the received messages in order. Where a command was sent, waits for the same
 * command with the same arguments (with the new client's id). Refuses commands that the recording lacks with `GenericError`.
 * Resolves at the end of the recording, or when the client has left.
 */
export async function replay(
	peer: ScriptedPeer,
	records: readonly QmpRecord[],
	{ hangUpAtEnd = false, write = (to, text) => to.send(text) }: ReplayOptions = {},
): Promise<void> {
	const expected = records.filter(isCommand).map(record => signatureOf(record.text));
	const pool: ScriptedCommand[] = [];
	let arrived = Promise.withResolvers<void>();
	peer.serve(command => {
		const place = expected.indexOf(signatureOf(command.text));
		if (place < 0) return { class: 'GenericError', desc: `the recording has no (further) ${command.name}` };
		expected.splice(place, 1);
		pool.push(command);
		arrived.resolve();
		return 'never';
	});
	const ids = new Map<string, string>();
	for (const record of records) {
		if (record.direction === 'received') {
			write(peer, `${withId(record.text, ids)}\r\n`);
			continue;
		}
		if (!isCommand(record)) continue;
		const wanted = signatureOf(record.text);
		for (;;) {
			const place = pool.findIndex(command => signatureOf(command.text) === wanted);
			if (place >= 0) {
				const [command] = pool.splice(place, 1);
				const recorded = (parseJson(record.text) as JsonObject).id;
				if (recorded !== undefined) ids.set(stringifyJson(recorded), stringifyJson(command!.id));
				break;
			}
			arrived = Promise.withResolvers();
			const left = await Promise.race([arrived.promise, peer.ended.then(() => 'left' as const)]);
			if (left === 'left') return;
		}
	}
	if (hangUpAtEnd) peer.hangUp();
}

function isCommand({ direction, text }: QmpRecord): boolean {
	return direction === 'sent' && text.trimStart().startsWith('{');
}

/** Returns a command without its id. */
function signatureOf(text: string): string {
	const { id: _, ...rest } = parseJson(text) as JsonObject;
	return stringifyJson(Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Returns a reply with the new client's id, otherwise unchanged. */
function withId(text: string, ids: ReadonlyMap<string, string>): string {
	for (const [recorded, now] of ids) {
		const place = text.lastIndexOf(recorded);
		if (place >= 0 && /"id"\s*:\s*$/.test(text.slice(0, place))) {
			return text.slice(0, place) + now + text.slice(place + recorded.length);
		}
	}
	return text.trim();
}
