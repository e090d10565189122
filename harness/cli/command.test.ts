import { PassThrough } from 'node:stream';
import test from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { nearest } from '../usage/unknown-name.ts';
import { completions, invoke } from './application.ts';
import { type Commands, command, type Given } from './command.ts';
import { groupHelpText, helpText } from './help.ts';

const spec = command({
	summary: 'a command for this test',
	usage: '[NAME] [OPTION...]',
	options: {
		on: { value: 'WHERE', candidates: () => ['local', 'board:uniform', 'board:biglittle'], help: 'where' },
		qemu: { value: 'QEMU', repeatable: true, help: 'which' },
		accel: { value: 'ACCEL', choices: ['kvm', 'tcg'], help: 'accelerator' },
		jobs: { value: 'N', integer: { least: 1, most: 9 }, help: 'how many' },
		append: { value: 'TEXT', needs: ['jobs', 'missing'], excludes: ['accel=tcg', 'no-wait'], help: 'more' },
		'no-wait': { help: 'at once' },
		json: { help: 'print JSON' },
	},
	positionals: { maximum: 1, candidates: async () => ['pmu/one', 'pmu/two'] },
	load: async () => async () => 0,
});
const two = command({
	...{ summary: 'takes two', usage: 'A B', options: {}, positionals: { minimum: 2, maximum: 3 } },
	load: async () => async () => 0,
});
const failing = command({
	...{ summary: 'fails', usage: '', options: {}, positionals: {} },
	load: async () => async () => {
		throw new TypeError('a defect');
	},
});
const commands: Commands = {
	...{ try: spec, two, failing },
	group: { summary: 'many', actions: { up: spec, down: spec, secret: spec }, hidden: ['secret'] },
};

async function call(...argv: string[]) {
	const stdout = new PassThrough();
	let given: Given | undefined;
	const { signal } = new AbortController();
	const context = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), env: {}, cwd: '/', signal };
	const status = await invoke(commands, argv, context, async (_, found) => {
		given = found;
		return 75;
	});
	return { status, given, shown: String(stdout.read() ?? '') };
}

const none = {
	...{ on: undefined, qemu: undefined, accel: undefined, jobs: undefined, append: undefined },
	...{ 'no-wait': false, json: false },
};

test('options, flags, repeats and positionals are read, and the exit status is the command’s', async t => {
	const argv = ['try', 'name', '--on', 'local', '--qemu=a', '--qemu', 'b', '--json', '--jobs', '3', '--json'];
	t.like(await call(...argv), {
		status: 75,
		given: {
			options: { ...none, on: 'local', qemu: ['a', 'b'], json: true, jobs: 3 },
			positionals: ['name'],
			argv: ['vpmu', ...argv],
		},
	});
	t.like(await call('group', 'up', '--no-wait', '--', '--json'), {
		given: { options: { ...none, 'no-wait': true }, positionals: ['--json'] },
	});
	// What follows `=` is a value, whatever it looks like.
	for (const text of ['-quiet', '--x=y', 'a=b', 'two\nlines', ' ']) {
		t.like(await call('try', `--append=${text}`, '--jobs=1'), {
			given: { options: { ...none, jobs: 1, append: text } },
		});
	}
	t.is((await call('try', '-')).given?.positionals[0], '-');
	t.like(await call('try', '--on', '-'), { given: { options: { ...none, on: '-' } } });
});

for (const [argv, message] of [
	[['--jsn'], /^unknown option '--jsn' of 'vpmu try' \(did you mean '--json'\?\); allowed: --on, --qemu/],
	[['--on'], /'--on' of 'vpmu try' needs a value: --on WHERE/],
	[['--on='], /'--on' of 'vpmu try' needs a value: --on WHERE/],
	[['--on', '--json'], /'--on' of 'vpmu try' needs a value: --on WHERE/],
	[['--on', 'a', '--on', 'b'], /'--on' of 'vpmu try' was given twice \('a' and 'b'\)/],
	[['--json=1'], /'--json' of 'vpmu try' takes no value, but '1' was given/],
	[['--json=true'], /takes no value, but 'true' was given/],
	[['--no-json'], /unknown option '--no-json'/],
	[['--accel', 'kvn'], /^unknown value 'kvn' of option '--accel' \(did you mean 'kvm'\?\); allowed: kvm, tcg/],
	[['a', 'b'], /unexpected argument 'b' of 'vpmu try'; usage: vpmu try \[NAME\]/],
	[['--constructor'], /^unknown option '--constructor'/],
	[['--toString=1'], /^unknown option '--toString'/],
	[['--x'], /^unknown option '--x'/],
	[['--x=1'], /^unknown option '--x'/],
	[['-x'], /^unknown option '-x'/],
	[['-json'], /^unknown option '-json'/],
	[['--jobs', '0'], /^'0' of option '--jobs' is not valid; allowed: whole numbers from 1 to 9$/],
	[['--jobs', '1e0'], /^'1e0' of option '--jobs'/],
	[['--jobs', '-1'], /^'-1' of option '--jobs'/],
	[['--jobs', '0x1'], /^'0x1' of option '--jobs'/],
	[['--jobs', ' 1'], /^' 1' of option '--jobs'/],
	[['--jobs', '99999999999999999999'], /^'9+' of option '--jobs'/],
	[['--append', 'x'], /^option '--append' needs '--jobs N'$/],
	[['--append=x', '--jobs=1', '--no-wait'], /^option '--append' cannot stand with '--no-wait'$/],
	[['--append=x', '--jobs=1', '--accel=tcg'], /^option '--append' cannot stand with '--accel tcg'$/],
	[['--jobs', 'x', '--accel', 'y', 'a', 'b'], /unexpected argument 'b'|of option/],
] as const) {
	test(`bad input is named in one sentence: ${argv.join(' ')}`, async t => {
		const error = await t.throwsAsync(call('try', ...argv), { instanceOf: UsageError, message });
		t.false(error.message.includes('\n'));
	});
}

for (const [argv, message] of [
	[['tri'], /^unknown command 'tri' of 'vpmu' \(did you mean 'try'\?\); allowed: try, two, failing, group$/],
	[['constructor'], /^unknown command 'constructor'/],
	[['--constructor'], /^unknown option '--constructor' of 'vpmu'/],
	[['-x'], /^unknown option '-x' of 'vpmu'/],
	[['group'], /^'vpmu group' needs an argument; allowed: up, down$/],
	[['group', 'uo'], /^unknown action 'uo' of 'vpmu group' \(did you mean 'up'\?\); allowed: up, down$/],
	[['group', '--constructor'], /^unknown action '--constructor'/],
	[['group', 'up', '--jsn'], /^unknown option '--jsn' of 'vpmu group up' \(did you mean '--json'\?\)/],
	[['two'], /^'vpmu two' needs 2 arguments; usage: vpmu two A B$/],
	[['two', 'a'], /^'vpmu two' needs 2 arguments/],
] as const) {
	test(`bad input is named in one sentence: vpmu ${argv.join(' ')}`, async t => {
		const error = await t.throwsAsync(call(...argv), { instanceOf: UsageError, message });
		t.false(error.message.includes('\n'));
	});
}

test('an option may stand with other values of the one whose value it contradicts', async t => {
	t.is((await call('try', '--append=x', '--jobs=1', '--accel=kvm')).status, 75);
});

test('help is shown wherever it is requested, and nothing runs', async t => {
	for (const argv of [
		['try', '--help'],
		['try', 'a', 'b', '-h', '--wrong'],
		['help', 'try'],
	]) {
		const { status, given, shown } = await call(...argv);
		t.like({ status, given, shown }, { status: 0, given: undefined, shown: helpText('try', spec) });
	}
	t.regex(helpText('try', spec), /--accel ACCEL +accelerator \(one of kvm, tcg\)/);
	for (const name of Object.keys(spec.options)) t.true(helpText('try', spec).includes(`--${name}`));
	t.regex((await call('group', '--help')).shown, /^Usage: vpmu group ACTION.*\n.*\n.*\n.*\n {2}up /);
	t.notRegex((await call('help', 'group')).shown, /secret/);
	t.regex((await call('--help')).shown, /^Usage: vpmu COMMAND/);
	t.regex((await call('help')).shown, /^Usage: vpmu COMMAND/);
	t.like(await call(), { status: 2, shown: (await call('--help')).shown });
});

test('an error from a command is passed on unchanged', async t => {
	const { signal } = new AbortController();
	const stream = new PassThrough();
	const context = { stdin: stream, stdout: stream, stderr: stream, env: {}, cwd: '/', signal };
	await t.throwsAsync(invoke(commands, ['failing'], context), { instanceOf: TypeError, message: 'a defect' });
});

test('completion: commands, actions, options, their values, and arguments', async t => {
	const words = async (...typed: string[]) => (await completions(commands, typed)).map(one => one.completion);
	t.deepEqual(await words(''), ['try', 'two', 'failing', 'group']);
	t.deepEqual(await words('t'), ['try', 'two']);
	t.deepEqual(await words('group', ''), ['up', 'down']);
	t.deepEqual(await words('try', '--j'), ['--jobs', '--json']);
	t.deepEqual(await words('group', 'up', '--on', 'board:'), ['board:uniform', 'board:biglittle']);
	t.deepEqual(await words('try', '--on=board:b'), ['--on=board:biglittle']);
	t.deepEqual(await words('try', '--accel', ''), ['kvm', 'tcg']);
	t.deepEqual(await words('try', 'pmu/t'), ['pmu/two']);
	t.deepEqual(await words('try', '--on', 'local', '--o'), []);
	t.deepEqual(await words('nothing', ''), []);
	t.deepEqual(await words('try', '--wrong', ''), []);
});

test('there is no suggestion for a word that resembles nothing', t => {
	t.is(nearest('biglitle', ['uniform', 'biglittle']), 'biglittle');
	t.is(nearest('lits', ['run', 'list']), 'list');
	t.is(nearest('xyz', ['uniform', 'biglittle']), undefined);
});

test('a summary is a sentence at the top of a help text', t => {
	t.regex(helpText('try', spec), /^Usage: [^\n]+\n\nA command for this test\.\n/);
	t.regex(
		groupHelpText('tries', { summary: 'some tries', actions: { try: spec } }),
		/\n\nSome tries\.\n\n {2}try {2}a command/,
	);
});
