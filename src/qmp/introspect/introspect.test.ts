import test from 'ava';
import type { QmpClient } from '../client.ts';
import type { QmpCommands } from '../schema/qemu-11.1.ts';
import { diffSchemas, placesWith } from './diff-schemas.ts';
import { emitTypes } from './emit-types.ts';
import { QmpSchema, type SchemaEntity } from './schema.ts';

const builtins: SchemaEntity[] = [
	{ name: 'str', 'meta-type': 'builtin', 'json-type': 'string' },
	{ name: 'int', 'meta-type': 'builtin', 'json-type': 'int' },
	{ name: 'any', 'meta-type': 'builtin', 'json-type': 'value' },
	{ name: '0', 'meta-type': 'object', members: [] },
];

/** A small schema with one of each thing. */
const before = [
	...builtins,
	{ name: 'query-status', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '1' },
	{
		name: '1',
		'meta-type': 'object',
		members: [
			{ name: 'status', type: '2' },
			{ name: 'singlestep', type: 'int' },
		],
	},
	{ name: '2', 'meta-type': 'enum', members: [{ name: 'running' }, { name: 'paused' }], values: ['running', 'paused'] },
	{ name: 'blockdev-add', 'meta-type': 'command', 'arg-type': '3', 'ret-type': '0' },
	{
		name: '3',
		'meta-type': 'object',
		members: [
			{ name: 'driver', type: '4' },
			{ name: 'node-name', type: 'str', default: null },
		],
		tag: 'driver',
		variants: [
			{ case: 'file', type: '5' },
			{ case: 'null-co', type: '0' },
		],
	},
	{ name: '4', 'meta-type': 'enum', values: ['file', 'null-co', 'raw'] },
	{
		name: '5',
		'meta-type': 'object',
		members: [
			{ name: 'filename', type: 'str' },
			{ name: 'backing', type: '6' },
		],
	},
	{ name: '6', 'meta-type': 'alternate', members: [{ type: 'str' }, { type: '3' }] },
	{ name: 'STOP', 'meta-type': 'event', 'arg-type': '0' },
	{ name: 'RESET', 'meta-type': 'event', 'arg-type': '7' },
	{ name: '7', 'meta-type': 'object', members: [{ name: 'values', type: '[any]' }] },
	{ name: '[any]', 'meta-type': 'array', 'element-type': 'any' },
] as SchemaEntity[];

/** The same schema with other type names, and with changes. */
const after = [
	...builtins,
	{ name: 'query-status', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '11', 'allow-oob': true },
	{ name: '11', 'meta-type': 'object', members: [{ name: 'status', type: '12', features: ['deprecated'] }] },
	{ name: '12', 'meta-type': 'enum', members: [{ name: 'running' }, { name: 'colo', features: ['unstable'] }] },
	{ name: 'blockdev-add', 'meta-type': 'command', 'arg-type': '13', 'ret-type': '0' },
	{
		name: '13',
		'meta-type': 'object',
		members: [
			{ name: 'driver', type: '4' },
			{ name: 'node-name', type: 'str' },
			{ name: 'size', type: 'int' },
		],
		tag: 'driver',
		variants: [{ case: 'file', type: '5' }],
	},
	{ name: '4', 'meta-type': 'enum', values: ['file', 'raw'] },
	{
		name: '5',
		'meta-type': 'object',
		members: [
			{ name: 'filename', type: 'str' },
			{ name: 'backing', type: 'str' },
		],
	},
	{ name: 'x-new', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '0', features: ['unstable'] },
	{ name: 'STOP', 'meta-type': 'event', 'arg-type': '0' },
] as SchemaEntity[];

test('types are named after the shortest path to them, and variants are unions by their tag', t => {
	const text = emitTypes(new QmpSchema(before), { version: '10.0.2' });
	t.true(text.startsWith('// The commands and events of QEMU 10.0.2.\n'));
	for (const part of [
		"\t'query-status': { readonly arguments: NoMembers; readonly return: QueryStatusReturn; };",
		"\t'STOP': NoMembers;",
		"\t'RESET': ResetEvent;",
		'export type ResetEvent = {\n\treadonly values: readonly JsonValue[];\n};',
		'export type QueryStatusReturn = {\n\treadonly status: QueryStatusReturnStatus;\n\treadonly singlestep: QmpInteger;\n};',
		"export type QueryStatusReturnStatus =\n\t| 'running'\n\t| 'paused';",
		"{\n\treadonly 'node-name'?: string;\n} & (\n\t| ({ readonly driver: 'file' } & BlockdevAddArgumentsFile)\n\t| { readonly driver: 'null-co' }\n\t| { readonly driver: 'raw' }\n);",
		'export type BlockdevAddArgumentsFileBacking = string | BlockdevAddArguments;',
	]) {
		t.true(text.includes(part), `${part}\n\nis not in\n\n${text}`);
	}
	t.is(emitTypes(new QmpSchema(before.toReversed()), { version: '10.0.2' }).length, text.length);
	t.regex(emitTypes(new QmpSchema(after), { version: 'x' }), /\/\*\* @deprecated \*\/\n\treadonly status/);
});

test('drift: new, removed and changed names on the wire are listed', t => {
	const { changes, deprecated, unstable } = diffSchemas(new QmpSchema(before), new QmpSchema(after));
	t.deepEqual(
		changes.map(({ where, what, breaking }) => `${breaking ? '!' : ' '} ${where}: ${what}`).sort(),
		[
			'  command query-status: can be executed out of band now',
			'  command x-new: new command',
			'! blockdev-add.arguments.backing: was one of several types, is a string',
			'! blockdev-add.arguments.driver=null-co: the value is gone',
			'! blockdev-add.arguments.node-name: became mandatory',
			'! blockdev-add.arguments.size: new member',
			'! event RESET: the event is gone',
			'! query-status.return.singlestep: the member is gone',
			'! query-status.return.status=colo: new value',
			'  query-status.return.status=paused: the value is gone',
		].sort(),
	);
	t.deepEqual(deprecated, [{ where: 'query-status.return.status', isNew: true }]);
	t.deepEqual(unstable, [
		{ where: 'command x-new', isNew: true },
		{ where: 'query-status.return.status=colo', isNew: true },
	]);
});

test('type names do not matter, and a schema does not differ from itself', t => {
	const renamed = JSON.parse(JSON.stringify(before).replaceAll(/"(\d)"/g, '"9$1"'));
	t.deepEqual(diffSchemas(new QmpSchema(before), new QmpSchema(renamed)).changes, []);
	t.deepEqual(placesWith(new QmpSchema(before), 'deprecated'), []);
});

test('a value that is not a schema is refused', t => {
	t.throws(() => new QmpSchema({}), { instanceOf: TypeError });
	t.throws(() => new QmpSchema([]).type('7'), { message: "the schema has no type '7'" });
});

test('commands and events of the newest QEMU are typed, others are not', t => {
	// Only compiled, not run: tsc is the check.
	const compiled = async (qmp: QmpClient) => {
		const status: QmpCommands['query-status']['return'] = await qmp.execute('query-status');
		const { running }: { running: boolean } = status;
		await qmp.execute('cont', undefined, { timeoutMs: 1 });
		await qmp.execute('device_add', { driver: 'pci-bridge', id: 'a', chassis_nr: 1 });
		// @ts-expect-error: the mandatory argument is missing
		await qmp.execute('qom-list');
		// @ts-expect-error: no such argument
		await qmp.execute('qom-list', { path: '/', nope: 1 });
		const unknown: unknown = await qmp.execute('x-a-command-of-tomorrow', { anything: 1n });
		const { data } = await qmp.waitEvent('SHUTDOWN');
		const guest: boolean = data.guest;
		for await (const { data: reset } of qmp.events('RESET')) return [reset.reason, running, unknown, guest];
		return [];
	};
	t.is(typeof compiled, 'function');
});
