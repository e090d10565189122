import test from 'ava';
import {
	codeBlocks,
	commandsOf,
	documents,
	namedCommands,
	readDocument,
	type ShownCommand,
	simpleCommands,
} from './extract.ts';
import { problemOf } from './try.ts';

for (const document of documents) {
	test(`${document}: every command is valid`, async t => {
		t.timeout(300_000);
		const text = readDocument(document);
		const problems: string[] = [];
		const check = async (commands: readonly ShownCommand[], isNamed: boolean) => {
			for (const { where, text: line } of commands) {
				const problem = await problemOf(line, isNamed);
				if (problem !== undefined) problems.push(`${where}: ${line}\n  ${problem}`);
			}
		};
		await check(codeBlocks(document, text).flatMap(commandsOf), false);
		await check(namedCommands(document, text), true);
		t.deepEqual(problems, []);
	});
}

test('invalid commands are found', async t => {
	const wrong: Record<string, RegExp> = {
		'npx vpmu rum': /unknown command 'rum'/,
		'npx vpmu run --qemo x': /unknown option '--qemo'/,
		'npx vpmu list | head && npx vpmu board': /needs an argument/,
		'git bisect run npx vpmu run --bisekt': /--bisekt/,
		'VPMU_TEST=real npx ava test/differential': /no file of the suite 'real'|not in the suite/,
		'VPMU_TEST=full npx ava test/nowhere': /not there/,
		"VPMU_TEST=full npx ava test/differential --match='No such *'": /no test is called/,
		'npm run nothing': /no script 'nothing'/,
		"echo 'open": /./,
	};
	for (const [line, expected] of Object.entries(wrong)) t.regex((await problemOf(line)) ?? 'nothing', expected, line);
	t.regex((await problemOf('vpmu run --keap', true)) ?? '', /no option '--keap'/);
	t.is(await problemOf('vpmu inspect --diff', true), undefined);
});

test('commands are distinguished from output, comments and continuations', t => {
	const text = [
		'Text `vpmu list` and `vpmu report RUN --format html|junit`.',
		'',
		'    npx vpmu run        # a comment',
		'    npx vpmu run \\',
		'      --jobs 2',
		'',
		'```',
		'320 trees: 267 agree',
		"printf 'a # b\\n' | npx vpmu qmp --socket s",
		'```',
		'```ts',
		'npm();',
		'```',
	].join('\n');
	t.deepEqual(
		codeBlocks('a.md', text)
			.flatMap(commandsOf)
			.map(one => `${one.where} ${one.text}`),
		['a.md:3 npx vpmu run', 'a.md:4 npx vpmu run   --jobs 2', "a.md:9 printf 'a # b\\n' | npx vpmu qmp --socket s"],
	);
	t.deepEqual(namedCommands('a.md', text), [{ where: 'a.md:1', text: 'vpmu list' }]);
	t.deepEqual(simpleCommands(`A=1 b 'c d' e="f g" && h | i`), [['A=1', 'b', 'c d', 'e=f g'], ['h'], ['i']]);
});
