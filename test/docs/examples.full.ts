import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { typeErrors, writeExamples } from './examples.ts';

test.serial('every example compiles', async t => {
	t.timeout(600_000);
	const checked = mkdtempSync(path.join(tmpdir(), 'vpmu-docs-'));
	t.teardown(() => rmSync(checked, { recursive: true, force: true }));
	t.true(writeExamples(checked).length > 5);
	t.is(await typeErrors(checked), '');
	writeFileSync(path.join(checked, 'wrong.ts'), "import { localHost } from 'vpmu';\nlocalHost().nothing();\n");
	t.regex(await typeErrors(checked), /Property 'nothing' does not exist/);
});

const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-docs-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

/** Returns the output that an example promises in comments on its `console.log` lines. */
const foretold = (text: string) =>
	text
		.split('\n')
		.filter(line => line.includes('console.log('))
		.flatMap(line => /; \/\/ (.*)$/.exec(line)?.[1] ?? []);

for (const { document, line, file, text, runs } of writeExamples(folder)) {
	if (!runs) continue;
	test.serial(`${document}:${line} runs and prints what it promises`, t => {
		t.timeout(600_000);
		const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 580_000 });
		t.is(status, 0, stderr);
		for (const words of foretold(text)) t.true(stdout.includes(words), `'${words}' in:\n${stdout}`);
	});
}
