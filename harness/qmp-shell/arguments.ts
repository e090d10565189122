import { type JsonObject, type JsonValue, parseJson, UsageError } from '../../src/lib/index.ts';
import { enumMembers, type QmpSchema, type SchemaType } from '../../src/qmp/index.ts';
import { unknownName } from '../usage/unknown-name.ts';

/** A command to execute, as typed. */
export interface TypedCommand {
	readonly name: string;
	readonly args: JsonObject | undefined;
	readonly oob: boolean;
}

/**
 * Parses a command and its arguments: `NAME key=value other.nested=value list.0=value {"raw": "JSON"}`, or a whole
 * message `{"execute": …, "arguments": …}`. With a schema, a value has the type that the command takes there (`5` may
 * be a string or a number; `on` a boolean). Without one, or where the schema says nothing, it is JSON if it parses and
 * a string otherwise.
 *
 * @throws UsageError for a word of another form, an unknown argument, or a value of the wrong type
 */
export function readCommand(words: readonly string[], schema?: QmpSchema): TypedCommand {
	const [first, ...rest] = words;
	if (first === undefined) throw new UsageError('no QMP command given');
	if (first.startsWith('{')) {
		if (rest.length > 0) throw new UsageError(`unexpected '${rest[0]}' after a complete message`);
		return readMessage(first);
	}
	const command = schema?.commands.get(first);
	if (schema !== undefined && command === undefined) {
		throw new UsageError(
			unknownName('QMP command', first, 'of this QEMU', [...schema.commands.keys()]).message.replace(
				/; allowed: .*/,
				'',
			),
		);
	}
	let args: { [name: string]: JsonValue } | undefined;
	for (const word of rest) {
		args ??= {};
		if (word.startsWith('{')) {
			Object.assign(args, readObject(word));
			continue;
		}
		const equals = word.indexOf('=');
		if (equals <= 0) throw new UsageError(`'${word}' after ${first} is neither key=value nor a JSON object`);
		const path = word.slice(0, equals).split('.');
		setValue(args, path, word.slice(equals + 1), first, { schema, type: command?.['arg-type'] });
	}
	return { name: first, args: args === undefined ? undefined : (arraysOf(args) as JsonObject), oob: false };
}

function readObject(text: string): JsonObject {
	let value: JsonValue;
	try {
		value = parseJson(text);
	} catch (error) {
		throw new UsageError(`'${text}' is not JSON: ${(error as Error).message}`, { cause: error });
	}
	return value as JsonObject;
}

function readMessage(text: string): TypedCommand {
	const message = readObject(text);
	const oob = message['exec-oob'] !== undefined;
	const name = oob ? message['exec-oob'] : message.execute;
	if (typeof name !== 'string') throw new UsageError(`the message '${text}' has neither 'execute' nor 'exec-oob'`);
	for (const member of Object.keys(message)) {
		if (!['execute', 'exec-oob', 'arguments', 'id'].includes(member)) {
			throw unknownName('member', member, 'of the message', ['execute', 'exec-oob', 'arguments', 'id']);
		}
	}
	return { name, args: message.arguments as JsonObject | undefined, oob };
}

interface Place {
	readonly schema: QmpSchema | undefined;
	/** Name of the type that the schema expects here. */
	readonly type: string | undefined;
}

function setValue(
	target: { [name: string]: JsonValue },
	[key, ...deeper]: readonly string[],
	text: string,
	where: string,
	place: Place,
): void {
	const inside = memberPlace(place, key!, where);
	if (deeper.length === 0) {
		if (Object.hasOwn(target, key!)) throw new UsageError(`'${key}' of ${where} is given twice`);
		target[key!] = readValue(text, `'${key}' of ${where}`, inside);
		return;
	}
	const existing = target[key!];
	if (existing !== undefined && (typeof existing !== 'object' || existing === null)) {
		throw new UsageError(`'${key}' of ${where} is given both as a value and with members`);
	}
	target[key!] ??= {};
	setValue(target[key!] as { [name: string]: JsonValue }, deeper, text, `${where} ${key}`, inside);
}

/** Returns what the schema says of a member; for an alternate, the members of its object. */
function memberPlace({ schema, type: typeName }: Place, key: string, where: string): Place {
	if (schema === undefined || typeName === undefined) return { schema, type: undefined };
	const type = schema.type(typeName);
	if (type['meta-type'] === 'array') return { schema, type: type['element-type'] };
	if (type['meta-type'] === 'alternate') {
		const object = type.members.find(member => schema.type(member.type)['meta-type'] === 'object');
		return object === undefined ? { schema, type: undefined } : memberPlace({ schema, type: object.type }, key, where);
	}
	if (type['meta-type'] !== 'object') return { schema, type: undefined };
	const members = schema.members(typeName);
	const member = members.find(({ name }) => name === key);
	// The schema of device_add lacks the properties of devices.
	if (member === undefined && where.split(' ')[0] !== 'device_add') {
		throw unknownName(
			'argument',
			key,
			`of ${where}`,
			members.map(({ name }) => name),
		);
	}
	return { schema, type: member?.type };
}

function readValue(text: string, where: string, { schema, type: typeName }: Place): JsonValue {
	const type = schema === undefined || typeName === undefined ? undefined : schema.type(typeName);
	switch (type?.['meta-type']) {
		case 'enum': {
			const names = enumMembers(type).map(({ name }) => name);
			if (!names.includes(text)) throw unknownName('value', text, `of ${where}`, names);
			return text;
		}
		case 'builtin':
			return readBuiltin(text, where, type);
		case 'alternate': {
			const kinds = type.members.map(member => schema!.type(member.type));
			if (kinds.some(kind => kind['meta-type'] === 'builtin' && kind['json-type'] === 'string')) {
				return text === 'null' && kinds.some(kind => kind['meta-type'] === 'builtin' && kind['json-type'] === 'null')
					? null
					: text.startsWith('{')
						? readObject(text)
						: text;
			}
		}
	}
	try {
		return parseJson(text);
	} catch (error) {
		if (type?.['meta-type'] === 'object' || type?.['meta-type'] === 'array') {
			throw new UsageError(`'${text}' for ${where} is not JSON; expected: ${type['meta-type']}`, { cause: error });
		}
		return text;
	}
}

function readBuiltin(text: string, where: string, type: Extract<SchemaType, { 'meta-type': 'builtin' }>): JsonValue {
	switch (type['json-type']) {
		case 'string':
			return text;
		case 'boolean':
			if (['true', 'on', 'yes'].includes(text)) return true;
			if (['false', 'off', 'no'].includes(text)) return false;
			throw new UsageError(`'${text}' for ${where} is not a boolean; allowed: true, false, on, off`);
		case 'int': {
			const digits = /^(-?)(0x[0-9a-f]+|\d+)$/i.exec(text);
			if (digits === null) throw new UsageError(`'${text}' for ${where} is not an integer`);
			const value = BigInt(digits[2]!) * (digits[1] === '-' ? -1n : 1n);
			return Number.isSafeInteger(Number(value)) ? Number(value) : value;
		}
		case 'number':
			if (!/^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text)) throw new UsageError(`'${text}' for ${where} is not a number`);
			return Number(text);
		case 'null':
			return null;
		default:
			try {
				return parseJson(text);
			} catch {
				return text;
			}
	}
}

/** Turns objects with members 0, 1, …, which come from `list.0=…`, into arrays. */
function arraysOf(value: JsonValue): JsonValue {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
	const entries = Object.entries(value).map(([key, member]) => [key, arraysOf(member)] as const);
	const inOrder = entries.toSorted(([a], [b]) => Number(a) - Number(b));
	if (entries.length > 0 && inOrder.every(([key], index) => key === String(index)))
		return inOrder.map(([, member]) => member);
	return Object.fromEntries(entries);
}
