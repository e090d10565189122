import { enumMembers, type QmpSchema } from '../../src/qmp/index.ts';

/** Commands of the shell itself. */
export const shellWords = ['help', 'exit'];

/**
 * Completes the last word of a line: a command, `argument=`, members after a dot, or values of an enumeration or a
 * boolean. Returns what readline expects: the candidates, and the part of the line that they replace.
 */
export function complete(line: string, schema: QmpSchema): [candidates: string[], replaced: string] {
	const words = line.trimStart().split(/\s+/);
	const last = words.at(-1) ?? '';
	const fitting = (candidates: readonly string[], typed: string) => candidates.filter(word => word.startsWith(typed));
	if (words.length <= 1) {
		return [fitting([...schema.commands.keys(), ...shellWords], last), last];
	}
	if (words[0] === 'help') return [fitting([...schema.commands.keys(), ...schema.events.keys()], last), last];
	const command = schema.commands.get(words[0]!);
	if (command === undefined || last.startsWith('{')) return [[], last];
	const equals = last.indexOf('=');
	const path = (equals < 0 ? last : last.slice(0, equals)).split('.');
	const typed = path.pop()!;
	let type: string | undefined = command['arg-type'];
	for (const key of path) type = type === undefined ? undefined : memberType(schema, type, key);
	if (type === undefined) return [[], last];
	if (equals >= 0) {
		const value = last.slice(equals + 1);
		const wanted = memberType(schema, type, typed);
		return [fitting(wanted === undefined ? [] : valuesOf(schema, wanted), value).map(word => `${word} `), value];
	}
	const given = new Set(words.slice(1, -1).map(word => word.split('=')[0]));
	const prefix = path.map(key => `${key}.`).join('');
	const members = objectMembers(schema, type).filter(({ name }) => !given.has(prefix + name));
	const candidates = members.map(({ name, type: memberTypeName }) =>
		objectMembers(schema, memberTypeName).length > 0 ? `${name}.` : `${name}=`,
	);
	return [fitting(candidates, typed), typed];
}

function objectMembers(schema: QmpSchema, typeName: string): readonly { name: string; type: string }[] {
	const type = schema.type(typeName);
	if (type['meta-type'] === 'alternate') return type.members.flatMap(member => objectMembers(schema, member.type));
	return schema.members(typeName);
}

function memberType(schema: QmpSchema, typeName: string, key: string): string | undefined {
	const type = schema.type(typeName);
	if (type['meta-type'] === 'array') return type['element-type'];
	return objectMembers(schema, typeName).find(({ name }) => name === key)?.type;
}

function valuesOf(schema: QmpSchema, typeName: string): string[] {
	const type = schema.type(typeName);
	if (type['meta-type'] === 'enum') return enumMembers(type).map(({ name }) => name);
	return type['meta-type'] === 'builtin' && type['json-type'] === 'boolean' ? ['true', 'false'] : [];
}

/** Describes what a command takes or an event brings, one line per member; without a name, lists all commands. */
export function describeCommand(name: string | undefined, schema: QmpSchema): string {
	if (name === undefined) return [...schema.commands.keys()].join('\n');
	const command = schema.commands.get(name) ?? schema.events.get(name);
	if (command === undefined) return `this QEMU has no command or event '${name}'`;
	const marks = [
		...(command.features ?? []),
		...('allow-oob' in command && command['allow-oob'] === true ? ['can be executed out of band'] : []),
	];
	const rows = schema.members(command['arg-type']).map(member => {
		const notes = [describeType(schema, member.type), ...(member.features ?? [])];
		return `  ${member.default === undefined ? member.name : `[${member.name}]`}: ${notes.join(', ')}`;
	});
	return [`${name}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`, ...rows].join('\n');
}

function describeType(schema: QmpSchema, typeName: string): string {
	const type = schema.type(typeName);
	switch (type['meta-type']) {
		case 'builtin':
			return type['json-type'] === 'value' ? 'anything' : type['json-type'];
		case 'enum':
			return enumMembers(type)
				.map(member => member.name)
				.join(' | ');
		case 'array':
			return `array of ${describeType(schema, type['element-type'])}`;
		case 'alternate':
			return type.members.map(member => describeType(schema, member.type)).join(' or ');
		case 'object':
			return `object {${schema
				.members(typeName)
				.map(member => member.name)
				.join(', ')}}`;
		default:
			return 'anything';
	}
}
