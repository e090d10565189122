import { enumMembers, type QmpSchema, type SchemaMember, type SchemaType } from './schema.ts';

/** One difference between two schemas. */
export interface SchemaChange {
	/** What changed, such as `command query-status`, `query-status.return.singlestep`, `SHUTDOWN.data.reason=host-error`. */
	readonly where: string;
	readonly kind: 'added' | 'removed' | 'changed';
	/** The change in words, for a person. */
	readonly what: string;
	/** Whether a client written for the first QEMU can fail with the second. */
	readonly breaking: boolean;
}

/** How the second QEMU's QMP differs from the first QEMU's. */
export interface SchemaDrift {
	readonly changes: readonly SchemaChange[];
	/** What the second QEMU marks as deprecated; `isNew` if the first did not. */
	readonly deprecated: readonly MarkedPlace[];
	/** What the second QEMU marks as unstable. */
	readonly unstable: readonly MarkedPlace[];
}

export interface MarkedPlace {
	readonly where: string;
	readonly isNew: boolean;
}

/** Whether QEMU reads the value (arguments) or writes it (results and events). This decides which changes are breaking. */
type Direction = 'argument' | 'result';

/**
 * Compares two schemas by the names used on the wire. Each pair of types is compared once and reported at the first place
 * that uses it: commands first, then events.
 */
export function diffSchemas(before: QmpSchema, after: QmpSchema): SchemaDrift {
	return new Comparison(before, after).run();
}

class Comparison {
	readonly #before: QmpSchema;
	readonly #after: QmpSchema;
	readonly #changes: SchemaChange[] = [];
	readonly #seen = new Set<string>();
	#queue: { before: string; after: string; where: string; direction: Direction }[] = [];

	constructor(before: QmpSchema, after: QmpSchema) {
		this.#before = before;
		this.#after = after;
	}

	run(): SchemaDrift {
		for (const [name, command] of this.#after.commands) {
			const old = this.#before.commands.get(name);
			if (old === undefined) this.#note(`command ${name}`, 'added', 'new command', false);
			else {
				const oob = [old['allow-oob'] === true, command['allow-oob'] === true];
				if (oob[0] !== oob[1]) {
					const what = oob[1] ? 'can be executed out of band now' : 'cannot be executed out of band any more';
					this.#note(`command ${name}`, 'changed', what, oob[1] === false);
				}
				this.#enqueue(old['arg-type'], command['arg-type'], `${name}.arguments`, 'argument');
				this.#enqueue(old['ret-type'], command['ret-type'], `${name}.return`, 'result');
			}
		}
		for (const name of this.#before.commands.keys()) {
			if (!this.#after.commands.has(name)) this.#note(`command ${name}`, 'removed', 'the command is gone', true);
		}
		for (const [name, event] of this.#after.events) {
			const old = this.#before.events.get(name);
			if (old === undefined) this.#note(`event ${name}`, 'added', 'new event', false);
			else this.#enqueue(old['arg-type'], event['arg-type'], `${name}.data`, 'result');
		}
		for (const name of this.#before.events.keys()) {
			if (!this.#after.events.has(name)) this.#note(`event ${name}`, 'removed', 'the event is gone', true);
		}
		for (let pair = this.#queue.shift(); pair !== undefined; pair = this.#queue.shift()) {
			this.#compare(this.#before.type(pair.before), this.#after.type(pair.after), pair.where, pair.direction);
		}
		return {
			changes: this.#changes,
			deprecated: markedPlaces(this.#before, this.#after, 'deprecated'),
			unstable: markedPlaces(this.#before, this.#after, 'unstable'),
		};
	}

	#note(where: string, kind: SchemaChange['kind'], what: string, breaking: boolean): void {
		this.#changes.push({ where, kind, what, breaking });
	}

	#enqueue(before: string, after: string, where: string, direction: Direction): void {
		const pair = `${before} ${after} ${direction}`;
		if (this.#seen.has(pair)) return;
		this.#seen.add(pair);
		this.#queue.push({ before, after, where, direction });
	}

	#compare(before: SchemaType, after: SchemaType, where: string, direction: Direction): void {
		if (before['meta-type'] === 'enum' && after['meta-type'] === 'enum') {
			const [old, now] = [before, after].map(type => new Set(enumMembers(type).map(({ name }) => name)));
			for (const value of now!) {
				if (!old!.has(value)) this.#note(`${where}=${value}`, 'added', 'new value', direction === 'result');
			}
			for (const value of old!) {
				if (!now!.has(value)) this.#note(`${where}=${value}`, 'removed', 'the value is gone', direction === 'argument');
			}
		} else if (before['meta-type'] === 'object' && after['meta-type'] === 'object') {
			this.#compareMembers(this.#before.members(before.name), this.#after.members(after.name), where, direction);
		} else if (before['meta-type'] === 'array' && after['meta-type'] === 'array') {
			this.#enqueue(before['element-type'], after['element-type'], `${where}[]`, direction);
		} else if (before['meta-type'] === 'alternate' && after['meta-type'] === 'alternate') {
			this.#compareAlternates(before.members, after.members, where, direction);
		} else {
			const [old, now] = [kindOf(before), kindOf(after)];
			if (old !== now) this.#note(where, 'changed', `was ${old}, is ${now}`, true);
		}
	}

	#compareMembers(before: SchemaMember[], after: SchemaMember[], where: string, direction: Direction): void {
		const old = new Map(before.map(member => [member.name, member]));
		const now = new Set(after.map(({ name }) => name));
		for (const member of after) {
			const previous = old.get(member.name);
			const place = `${where}.${member.name}`;
			const optional = member.default !== undefined;
			if (previous === undefined) {
				const what = optional ? 'new optional member' : 'new member';
				this.#note(place, 'added', what, direction === 'argument' && !optional);
				continue;
			}
			const wasOptional = previous.default !== undefined;
			if (wasOptional !== optional) {
				const what = optional ? 'became optional' : 'became mandatory';
				this.#note(place, 'changed', what, (direction === 'argument') !== optional);
			}
			this.#enqueue(previous.type, member.type, place, direction);
		}
		for (const { name } of before) {
			if (!now.has(name)) this.#note(`${where}.${name}`, 'removed', 'the member is gone', true);
		}
	}

	#compareAlternates(
		before: readonly { readonly type: string }[],
		after: readonly { readonly type: string }[],
		where: string,
		direction: Direction,
	): void {
		const old = new Map(before.map(({ type }) => [kindOf(this.#before.type(type)), type]));
		const now = new Map(after.map(({ type }) => [kindOf(this.#after.type(type)), type]));
		for (const [kind, type] of now) {
			const previous = old.get(kind);
			if (previous === undefined) this.#note(where, 'changed', `can be ${kind} now`, direction === 'result');
			else this.#enqueue(previous, type, where, direction);
		}
		for (const kind of old.keys()) {
			if (!now.has(kind)) this.#note(where, 'changed', `cannot be ${kind} any more`, direction === 'argument');
		}
	}
}

function kindOf(type: SchemaType): string {
	switch (type['meta-type']) {
		case 'builtin':
			return type['json-type'] === 'value'
				? 'anything'
				: `${/^[aei]/.test(type['json-type']) ? 'an' : 'a'} ${type['json-type']}`;
		case 'enum':
			return 'an enumeration';
		case 'alternate':
			return 'one of several types';
		default:
			return `an ${type['meta-type']}`;
	}
}

function markedPlaces(before: QmpSchema, after: QmpSchema, feature: string): MarkedPlace[] {
	const known = new Set(placesWith(before, feature));
	return placesWith(after, feature).map(where => ({ where, isNew: !known.has(where) }));
}

/**
 * Lists the commands, events, members and values that a schema marks with a feature. A type's members are listed under the
 * first place that uses the type.
 */
export function placesWith(schema: QmpSchema, feature: string): string[] {
	const places: string[] = [];
	const seen = new Set<string>();
	const queue: { type: string; where: string }[] = [];
	const note = (features: readonly string[] | undefined, where: string) => {
		if (features?.includes(feature) === true) places.push(where);
	};
	for (const [name, command] of schema.commands) {
		note(command.features, `command ${name}`);
		queue.push({ type: command['arg-type'], where: `${name}.arguments` });
		queue.push({ type: command['ret-type'], where: `${name}.return` });
	}
	for (const [name, event] of schema.events) {
		note(event.features, `event ${name}`);
		queue.push({ type: event['arg-type'], where: `${name}.data` });
	}
	for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
		const { type: name, where } = next;
		if (seen.has(name)) continue;
		seen.add(name);
		const type = schema.type(name);
		note(type.features, where);
		if (type['meta-type'] === 'enum') {
			for (const member of enumMembers(type)) note(member.features, `${where}=${member.name}`);
		} else if (type['meta-type'] === 'array') queue.push({ type: type['element-type'], where: `${where}[]` });
		else if (type['meta-type'] === 'alternate')
			for (const member of type.members) queue.push({ type: member.type, where });
		else if (type['meta-type'] === 'object') {
			for (const member of schema.members(name)) {
				note(member.features, `${where}.${member.name}`);
				queue.push({ type: member.type, where: `${where}.${member.name}` });
			}
		}
	}
	return places;
}
