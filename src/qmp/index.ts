/// <reference types="node" preserve="true" />
/** The QMP client by itself: what `vpmu/qmp` exports. Needs nothing but Node. */

export { UsageError, VpmuError } from '../lib/errors.ts';
export { type JsonObject, type JsonValue, parseJson, type StringifyOptions, stringifyJson } from '../lib/text/json.ts';
export { DeadlineError } from '../lib/waiting/deadline.ts';
export { type ExecuteOptions, QmpClient } from './client.ts';
export { type ConnectOptions, connectQmp } from './connect.ts';
export { describePeerDeath, type PeerDeath, QmpError, type QmpErrorCode } from './errors.ts';
export { diffSchemas, type MarkedPlace, type SchemaChange, type SchemaDrift } from './introspect/diff-schemas.ts';
export { type EmitTypesOptions, emitTypes } from './introspect/emit-types.ts';
export { enumMembers, QmpSchema, type SchemaMember, type SchemaType } from './introspect/schema.ts';
export type { ListenOptions, QmpEventFilter, QmpEventListener } from './listeners.ts';
export type { QmpArguments, QmpCommandName, QmpEventName, QmpEventNamed, ReturnOf } from './typed.ts';
export type { QmpEvent, QmpGreeting } from './wire/messages.ts';
export type { QmpTarget } from './wire/open.ts';
export { formatRecord, parseRecording, type QmpDirection, type QmpRecord, type QmpRecorder } from './wire/recording.ts';
