import test from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { QmpSchema } from '../../src/qmp/index.ts';
import { readCommand } from './arguments.ts';
import { complete, describeCommand } from './complete.ts';
import { splitWords } from './words.ts';

const member = (name: string, type: string, optional = false) => ({
	name,
	type,
	...(optional ? { default: null } : {}),
});
const schema = new QmpSchema([
	...['string', 'int', 'number', 'boolean', 'value', 'null'].map(type => ({
		name: type,
		'meta-type': 'builtin',
		'json-type': type,
	})),
	{ name: 'none', 'meta-type': 'object', members: [] },
	{ name: 'query-status', 'meta-type': 'command', 'arg-type': 'none', 'ret-type': 'none', features: ['unstable'] },
	{ name: 'device_add', 'meta-type': 'command', 'arg-type': 'device', 'ret-type': 'none' },
	{ name: 'device', 'meta-type': 'object', members: [member('driver', 'string'), member('id', 'string', true)] },
	{ name: 'blockdev-add', 'meta-type': 'command', 'arg-type': 'blockdev', 'ret-type': 'none' },
	{
		name: 'blockdev',
		'meta-type': 'object',
		members: [member('driver', 'drivers'), member('read-only', 'boolean', true), member('size', 'int', true)],
		tag: 'driver',
		variants: [{ case: 'file', type: 'fileMembers' }],
	},
	{ name: 'drivers', 'meta-type': 'enum', members: [{ name: 'file' }, { name: 'raw' }] },
	{
		name: 'fileMembers',
		'meta-type': 'object',
		members: [
			member('filename', 'string'),
			member('backing', 'ref'),
			member('list', '[blockdev]'),
			member('any', 'value'),
		],
	},
	{ name: 'ref', 'meta-type': 'alternate', members: [{ type: 'string' }, { type: 'blockdev' }, { type: 'null' }] },
	{ name: '[blockdev]', 'meta-type': 'array', 'element-type': 'blockdev' },
]);
const args = (line: string, known: QmpSchema | undefined = schema) => readCommand(splitWords(line), known).args;

test('words are split as in a shell, and JSON continues to its end', t => {
	t.deepEqual(splitWords(`a  b="c d" 'e f'g h\\ i {"x": "}", "y": [1, 2]} k=[1, 2]`), [
		'a',
		'b=c d',
		'e fg',
		'h i',
		'{"x": "}", "y": [1, 2]}',
		'k=[1, 2]',
	]);
	t.throws(() => splitWords('a "b'), { instanceOf: UsageError, message: /not closed/ });
	t.throws(() => splitWords('{"a": ['), { instanceOf: UsageError, message: /not closed/ });
});

test('the schema decides the type of a value', t => {
	t.deepEqual(args('blockdev-add driver=file filename=5 read-only=on size=0xffffffffffffffff'), {
		driver: 'file',
		filename: '5',
		'read-only': true,
		size: 18446744073709551615n,
	});
	t.deepEqual(args('blockdev-add driver=raw backing.driver=file backing.size=-3 list.1.size=2 list.0.size=1'), {
		driver: 'raw',
		backing: { driver: 'file', size: -3 },
		list: [{ size: 1 }, { size: 2 }],
	});
	t.deepEqual(args('blockdev-add backing=null any={"a": 1}'), { backing: null, any: { a: 1 } });
	t.deepEqual(args('device_add driver=pci-bridge mem-reserve=18446744073709551615 bus=pci'), {
		driver: 'pci-bridge',
		'mem-reserve': 18446744073709551615n,
		bus: 'pci',
	});
	t.is(args('query-status'), undefined);
});

test('without a schema a value is JSON if possible, or else a string', t => {
	const read = readCommand(splitWords('x a=1 b=true c=text d.e=18446744073709551615 {"f": null}'));
	t.deepEqual(read.args, { a: 1, b: true, c: 'text', d: { e: 18446744073709551615n }, f: null });
});

test('a whole message', t => {
	t.deepEqual(readCommand(['{"exec-oob": "yank", "arguments": {"instances": []}}']), {
		name: 'yank',
		args: { instances: [] },
		oob: true,
	});
	t.throws(() => readCommand(['{"run": "x"}']), { instanceOf: UsageError });
	t.throws(() => readCommand(['{"execute": "x", "argument": {}}']), { message: /did you mean 'arguments'/ });
	t.throws(() => readCommand(['{"execute"']), { instanceOf: UsageError, message: /not JSON/ });
});

test('errors are named in a sentence', t => {
	for (const [line, message] of [
		['blockdev-ad driver=file', /unknown QMP command 'blockdev-ad' of this QEMU \(did you mean 'blockdev-add'\?\)$/],
		['blockdev-add drivr=file', /unknown argument 'drivr' of blockdev-add \(did you mean 'driver'\?\)/],
		['blockdev-add driver=fil', /unknown value 'fil'.*allowed: file, raw/],
		['blockdev-add read-only=maybe', /'maybe' for 'read-only' of blockdev-add is not a boolean/],
		['blockdev-add size=1.5', /is not an integer/],
		['blockdev-add size=1 size=2', /given twice/],
		['blockdev-add backing=a backing.size=1', /as a value and with members/],
		['blockdev-add list=a', /is not JSON; expected: array/],
		['blockdev-add file', /neither key=value nor a JSON object/],
	] as const) {
		t.throws(() => args(line), { instanceOf: UsageError, message }, line);
	}
});

test('completion of commands, arguments, members and values', t => {
	const completions = (line: string) => complete(line, schema)[0];
	t.deepEqual(completions('bl'), ['blockdev-add']);
	t.deepEqual(completions('help q'), ['query-status']);
	t.deepEqual(completions('blockdev-add '), [
		'driver=',
		'read-only=',
		'size=',
		'filename=',
		'backing.',
		'list=',
		'any=',
	]);
	t.deepEqual(complete('blockdev-add driver=raw backing.s', schema), [['size='], 's']);
	t.deepEqual(completions('blockdev-add driver=raw dr'), []);
	t.deepEqual(complete('blockdev-add driver=f', schema), [['file '], 'f']);
	t.deepEqual(completions('blockdev-add backing.read-only='), ['true ', 'false ']);
	t.deepEqual(completions('nope x'), []);
});

test("help lists a command's arguments", t => {
	t.is(describeCommand('query-status', schema), 'query-status (unstable)');
	t.is(describeCommand('device_add', schema), 'device_add\n  driver: string\n  [id]: string');
	t.is(describeCommand('nope', schema), "this QEMU has no command or event 'nope'");
});
