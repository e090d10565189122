import { PassThrough } from 'node:stream';
import test from 'ava';
import { UsageError } from '../../../src/lib/index.ts';
import { runCommandLine } from '../index.ts';

async function bench(...argv: string[]): Promise<string> {
	const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
	const context = { stdin, stdout, stderr, env: process.env, cwd: '/', signal: new AbortController().signal };
	await runCommandLine(['bench', ...argv], context);
	return String(stdout.read());
}

test.serial('every benchmark runs on a real QEMU, and each figure has a baseline or a limit', async t => {
	const report = JSON.parse(await bench('--rounds', '1', '--json'));
	t.is(report.schema, 'vpmu-bench/1');
	t.deepEqual(Object.keys(report.benchmarks), ['qmp', 'replies', 'inspect', 'guest', 'nested', 'selection']);
	for (const { figures, ratios, leftOut } of Object.values<{
		figures: { name: string; perSecond: { median: number }; withinMs: number | null }[];
		ratios: { of: string; to: string; median: number }[];
		leftOut: { name: string; reason: string }[];
	}>(report.benchmarks)) {
		const compared = new Set(ratios.flatMap(({ of, to }) => [of, to]));
		t.deepEqual(
			figures.filter(({ name, withinMs }) => withinMs === null && !compared.has(name)),
			[],
		);
		for (const { perSecond } of figures) t.true(perSecond.median > 0);
		for (const { median } of ratios) t.true(median > 0);
		for (const { reason } of leftOut) t.regex(reason, /\w/);
	}
});

test.serial('a single benchmark by its name, as text', async t => {
	const text = await bench('replies', '--rounds', '1');
	t.regex(text, /^replies, on debian:trixie, medians of 1 round/);
	t.regex(text, /serial \/ bare loop {2}\(.* wanted 0\.95: (met|NOT MET)\)/);
	t.false(text.includes('vpmu inspect'));
});

for (const [argv, message] of [
	[
		['inspekt'],
		/unknown benchmark 'inspekt' of 'vpmu bench' \(did you mean 'inspect'\?\); allowed: qmp, replies, inspect/,
	],
	[['--rounds', '0'], /'0' of option '--rounds' is not valid; allowed: whole numbers/],
	[['--qemu', '/no/such'], /'\/no\/such' of option '--qemu' does not exist/],
] as const) {
	test.serial(`refused: ${argv.join(' ')}`, async t => {
		await t.throwsAsync(bench(...argv), { instanceOf: UsageError, message });
	});
}
