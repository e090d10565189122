import test from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { nearest } from '../usage/unknown-name.ts';
import { type Command, helpText, parseCommand } from './command.ts';

const command: Command = {
	name: 'try',
	summary: 'A command for this test.',
	usage: '[NAME] [OPTION...]',
	options: {
		on: { value: 'WHERE', help: 'where' },
		qemu: { value: 'QEMU', repeatable: true, help: 'which' },
		accel: { value: 'ACCEL', choices: ['kvm', 'tcg'], help: 'accelerator' },
		json: { help: 'as JSON' },
	},
	positionals: { maximum: 1 },
	run: async () => 0,
};

test('options, flags, repeats and positionals are read', t => {
	t.deepEqual(parseCommand(command, ['name', '--on', 'local', '--qemu=a', '--qemu', 'b', '--json']), {
		options: { on: 'local', qemu: ['a', 'b'], json: true },
		positionals: ['name'],
	});
});

for (const [argv, message] of [
	[['--jsn'], /unknown option '--jsn' of 'vpmu try' \(did you mean '--json'\?\); allowed: --on, --qemu/],
	[['--on'], /'--on' of 'vpmu try' needs a value: --on WHERE/],
	[['--on', 'a', '--on', 'b'], /'--on' of 'vpmu try' was given twice \('a' and 'b'\)/],
	[['--json=1'], /'--json' of 'vpmu try' takes no value, but '1' was given/],
	[['--accel', 'kvn'], /unknown value 'kvn' of option '--accel' \(did you mean 'kvm'\?\); allowed: kvm, tcg/],
	[['a', 'b'], /unexpected argument 'b' of 'vpmu try'; usage: vpmu try \[NAME\]/],
	[['--constructor'], /unknown option '--constructor'/],
] as const) {
	test(`bad input is named in one sentence: ${argv.join(' ')}`, t => {
		const error = t.throws(() => parseCommand(command, argv), { instanceOf: UsageError, message });
		t.false(error.message.includes('\n'));
	});
}

test('the help names every option', t => {
	const text = helpText(command);
	for (const name of Object.keys(command.options)) t.true(text.includes(`--${name}`));
	t.regex(text, /one of kvm, tcg/);
});

test('what is far from everything is not guessed at', t => {
	t.is(nearest('biglitle', ['uniform', 'biglittle']), 'biglittle');
	t.is(nearest('xyz', ['uniform', 'biglittle']), undefined);
});
