import type { JsonValue } from '../../lib/text/json.ts';

/** An entity in the result of `query-qmp-schema` (qapi/introspect.json). Type names are numbers without meaning. */
export type SchemaEntity = { readonly name: string; readonly features?: readonly string[] } & (
	| { readonly 'meta-type': 'builtin'; readonly 'json-type': JsonType }
	| {
			readonly 'meta-type': 'enum';
			/** Absent in QEMUs older than 6.2. */
			readonly members?: readonly { readonly name: string; readonly features?: readonly string[] }[];
			readonly values?: readonly string[];
	  }
	| { readonly 'meta-type': 'array'; readonly 'element-type': string }
	| {
			readonly 'meta-type': 'object';
			readonly members: readonly SchemaMember[];
			readonly tag?: string;
			readonly variants?: readonly { readonly case: string; readonly type: string }[];
	  }
	| { readonly 'meta-type': 'alternate'; readonly members: readonly { readonly type: string }[] }
	| {
			readonly 'meta-type': 'command';
			readonly 'arg-type': string;
			readonly 'ret-type': string;
			readonly 'allow-oob'?: boolean;
	  }
	| { readonly 'meta-type': 'event'; readonly 'arg-type': string }
);

export type JsonType = 'string' | 'number' | 'int' | 'boolean' | 'null' | 'object' | 'array' | 'value';

export interface SchemaMember {
	readonly name: string;
	readonly type: string;
	/** Present if the member is optional. */
	readonly default?: JsonValue;
	readonly features?: readonly string[];
}

type Of<Meta extends SchemaEntity['meta-type']> = Extract<SchemaEntity, { readonly 'meta-type': Meta }>;
export type SchemaCommand = Of<'command'>;
export type SchemaEvent = Of<'event'>;
export type SchemaObject = Of<'object'>;
export type SchemaEnum = Of<'enum'>;
export type SchemaType = Exclude<SchemaEntity, SchemaCommand | SchemaEvent>;

/** A QEMU's schema, with lookup by name. */
export class QmpSchema {
	readonly commands: ReadonlyMap<string, SchemaCommand>;
	readonly events: ReadonlyMap<string, SchemaEvent>;
	readonly #types = new Map<string, SchemaType>();

	/** Parses the result of `query-qmp-schema`. @throws TypeError for anything else */
	constructor(entities: unknown) {
		if (!Array.isArray(entities)) throw new TypeError('a QMP schema is an array, as query-qmp-schema returns it');
		const commands: SchemaCommand[] = [];
		const events: SchemaEvent[] = [];
		for (const entity of entities as readonly SchemaEntity[]) {
			if (entity['meta-type'] === 'command') commands.push(entity);
			else if (entity['meta-type'] === 'event') events.push(entity);
			else this.#types.set(entity.name, entity);
		}
		const byName = <T extends { readonly name: string }>(list: readonly T[]) =>
			new Map(list.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(entity => [entity.name, entity]));
		this.commands = byName(commands);
		this.events = byName(events);
	}

	/** @throws TypeError if the schema names a type but does not define it */
	type(name: string): SchemaType {
		const type = this.#types.get(name);
		if (type === undefined) throw new TypeError(`the schema has no type '${name}'`);
		return type;
	}

	/** Returns all members that an object can have, including those of all variants, each with its type. */
	members(typeName: string): SchemaMember[] {
		const type = this.type(typeName);
		if (type['meta-type'] !== 'object') return [];
		const members = new Map(type.members.map(member => [member.name, member]));
		for (const variant of type.variants ?? []) {
			for (const member of this.members(variant.type)) {
				if (!members.has(member.name)) members.set(member.name, { ...member, default: null });
			}
		}
		return [...members.values()];
	}
}

/** Returns the values of an enumeration and their features, in the form of any QEMU version. */
export function enumMembers({
	members,
	values,
}: SchemaEnum): readonly { name: string; features?: readonly string[] }[] {
	return members ?? (values ?? []).map(name => ({ name }));
}
