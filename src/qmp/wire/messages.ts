import { type JsonObject, type JsonValue, parseJson } from '../../lib/text/json.ts';

/** QEMU's greeting to a client. */
export interface QmpGreeting {
	readonly version: {
		readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number };
		/** The distributor's version suffix, such as `Debian 1:10.0.2+ds-2`. */
		readonly package: string;
	};
	/** Capabilities that can be enabled: `oob`. */
	readonly capabilities: readonly string[];
}

/** An event as received. */
export interface QmpEvent<Name extends string = string, Data = JsonObject> {
	readonly event: Name;
	/** Absent if the event has no data. */
	readonly data?: Data;
	/** Host time. Both are -1 when QEMU could not tell the time. */
	readonly timestamp: { readonly seconds: number; readonly microseconds: number };
}

/** A message from QEMU, classified by its members, in any order. */
export type IncomingMessage =
	| { readonly kind: 'greeting'; readonly greeting: QmpGreeting }
	| { readonly kind: 'event'; readonly event: QmpEvent }
	| { readonly kind: 'return'; readonly id: JsonValue | undefined; readonly value: JsonValue }
	| { readonly kind: 'error'; readonly id: JsonValue | undefined; readonly class: string; readonly desc: string }
	/** Not QMP; `isJson` says whether it is JSON at all. `id` is present if it could be recovered. */
	| { readonly kind: 'broken'; readonly id: JsonValue | undefined; readonly reason: string; readonly isJson: boolean };

/** Parses one message (docs/interop/qmp-spec.rst of QEMU). Never throws. */
export function readMessage(text: string): IncomingMessage {
	let message: JsonValue;
	try {
		message = parseJson(text);
	} catch (error) {
		return { kind: 'broken', id: salvageId(text), reason: (error as Error).message, isJson: false };
	}
	if (!isObject(message)) return broken('not an object');
	const { id } = message;
	if (Object.hasOwn(message, 'return')) return { kind: 'return', id, value: message.return! };
	if (Object.hasOwn(message, 'error')) {
		const { error } = message;
		if (!isObject(error)) return broken("'error' is not an object", id);
		return { kind: 'error', id, class: asText(error.class), desc: asText(error.desc) };
	}
	if (typeof message.event === 'string') {
		if (message.data !== undefined && !isObject(message.data)) return broken("an event's 'data' is not an object");
		return { kind: 'event', event: message as unknown as QmpEvent };
	}
	if (Object.hasOwn(message, 'QMP')) {
		const greeting = message.QMP;
		if (!isObject(greeting)) return broken('the greeting is not an object');
		const { version, capabilities } = greeting;
		if (!isObject(version) || !isObject(version.qemu)) return broken('the greeting has no version');
		return {
			kind: 'greeting',
			greeting: {
				version: version as unknown as QmpGreeting['version'],
				capabilities: Array.isArray(capabilities) ? capabilities.filter(name => typeof name === 'string') : [],
			},
		};
	}
	return broken("none of 'QMP', 'return', 'error', 'event'", id);
}

function broken(reason: string, id?: JsonValue): IncomingMessage {
	return { kind: 'broken', id, reason, isJson: true };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asText(value: JsonValue | undefined): string {
	return typeof value === 'string' ? value : '';
}

/**
 * Recovers the id of a reply whose JSON is invalid only because QEMU prints some numbers as C does (`inf`, `nan`; an `id` of
 * 1e400 comes back this way). Replaces the bare words with null; if the result does not parse, there is no id to trust.
 */
function salvageId(text: string): JsonValue | undefined {
	const repaired = outsideStrings(text, part => part.replace(/-?\b(?:inf(?:inity)?|nan)\b/gi, 'null'));
	if (repaired === text) return undefined;
	try {
		const message = parseJson(repaired);
		return isObject(message) && typeof message.id === 'string' ? message.id : undefined;
	} catch {
		return undefined;
	}
}

/**
 * Applies `change` to the parts of a JSON text outside its strings, in one pass. An unterminated string extends to the end.
 */
function outsideStrings(text: string, change: (part: string) => string): string {
	const parts: string[] = [];
	for (let at = 0; at < text.length; ) {
		const begin = text.indexOf('"', at);
		if (begin === -1) {
			parts.push(change(text.slice(at)));
			break;
		}
		let end = begin + 1;
		while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
		parts.push(change(text.slice(at, begin)), text.slice(begin, end + 1));
		at = end + 1;
	}
	return parts.join('');
}
