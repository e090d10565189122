import type { JsonObject, JsonValue } from '../lib/text/json.ts';
import type { QmpCommands, QmpEvents } from './schema/qemu-11.1.ts';
import type { QmpEvent } from './wire/messages.ts';

/** A command of the newest QEMU in use. Another version may lack it, or return another shape. */
export type QmpCommandName = keyof QmpCommands;
export type QmpEventName = keyof QmpEvents;

/** Arguments of a command. A `bigint` is sent as its digits, so 64-bit values are exact. */
export type QmpArguments = { readonly [name: string]: unknown };

/** The parameters after a command's name: its arguments (optional if none is mandatory) and options. */
export type ExecuteRest<Name extends string, Options> = Name extends QmpCommandName
	? Record<never, never> extends QmpCommands[Name]['arguments']
		? [args?: QmpCommands[Name]['arguments'] | undefined, options?: Options]
		: [args: QmpCommands[Name]['arguments'], options?: Options]
	: [args?: QmpArguments | undefined, options?: Options];

/** What a command returns. */
export type ReturnOf<Name extends string> = Name extends QmpCommandName ? QmpCommands[Name]['return'] : JsonValue;

/** An event by its name. */
export type QmpEventNamed<Name extends string> = Name extends QmpEventName
	? QmpEvents[Name] extends Readonly<Record<string, never>>
		? QmpEvent<Name>
		: QmpEvent<Name, QmpEvents[Name]> & { readonly data: QmpEvents[Name] }
	: QmpEvent<Name, JsonObject>;
