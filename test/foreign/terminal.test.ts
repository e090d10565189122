import { readdirSync, readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { dir } from 'tmp-promise';
import { main } from '../../harness/main.ts';
import { explain } from '../../harness/usage/explain.ts';
import { outputTo } from '../../harness/usage/output.ts';
import { LockBusyError, quoteCommand, quoteWord, screen, VpmuError } from '../../src/lib/index.ts';
import { fakeQemu } from '../../src/qemu/testing/machines.ts';
import { PrettyReport } from '../../src/report/terminal/pretty.ts';
import { cellOf, resultsWith } from '../../src/report/testing/results.ts';

/** What a terminal would obey or a reader would not see; line feeds and tabs are allowed. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const isClean = (text: string) => !unseen.test(text.replaceAll(/[\n\t]/g, ''));

const attacks = [
	'\x1b]0;owned\x07',
	'\x1b]52;c;cm0gLXJmIH4=\x07',
	'\x1b[2J\x1b[1;1Hvpmu: all cells pass\x1b[8m',
	'over\rwritten',
	'\u009b31m',
	'\x1bP+q544e\x1b\\',
	'\u202egnp.exe',
	'\u2066\u2067',
	'\b\b\b\b',
	'\x7f',
	'\0',
	'\u200b\ufeff',
];
const foreign = fc.oneof(fc.constantFrom(...attacks), fc.string({ unit: 'binary' })).map(text => `x${text}x`);

async function call(argv: readonly string[], env: Record<string, string> = {}, cwd = '/') {
	const [stdout, stderr] = [new PassThrough(), new PassThrough()];
	const signal = AbortSignal.timeout(25_000);
	const world = { stdin: new PassThrough().end(), stdout, stderr, env: { ...process.env, ...env }, cwd, signal };
	const status = await main(argv, world);
	stdout.end();
	stderr.end();
	const [out, err] = await Promise.all([stdout, stderr].map(async stream => Buffer.concat(await stream.toArray())));
	return { status, stdout: out!.toString(), stderr: err!.toString() };
}

async function folderOf(t: ExecutionContext): Promise<string> {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	return folder;
}

test('reports of a run show foreign text in every format, and obey none of it', async t => {
	const folder = await folderOf(t);
	await fc.assert(
		fc.asyncProperty(
			foreign,
			foreign,
			foreign,
			fc.constantFrom('pretty', 'json', 'markdown', 'tap', 'junit', 'html', 'kcidb'),
			async (reason, name, note, format) => {
				const cell = cellOf('fail', { reason, notes: [note], machine: name, simulated: [name] });
				const results = resultsWith([cell, cellOf('skip', { reason: note })]);
				await writeFile(path.join(folder, 'results.json'), JSON.stringify(results));
				const { stdout, stderr, status } = await call(['report', folder, '--format', format]);
				t.is(status, 0, stderr);
				t.true(isClean(stdout) && isClean(stderr));
				if (format === 'json') t.is(JSON.parse(stdout).cells[0].reason, reason);
			},
		),
		{ numRuns: 60 },
	);
});

test('the table of a run on a terminal has our colours and no foreign ones', t => {
	fc.assert(
		fc.property(foreign, foreign, (reason, doing) => {
			const stream = new PassThrough();
			const output = outputTo(Object.assign(stream, { isTTY: true, columns: 80 }));
			const report = new PrettyReport({ columns: 80, colour: true });
			output.write(report.receive({ at: '', event: 'progress', what: doing }));
			output.write(report.receive({ at: '', event: 'cell-end', result: cellOf('fail', { reason }) }));
			const shown = String(stream.read());
			const ours = ['\r\x1b[K', '\x1b[J', '\x1b[31m', '\x1b[0m'];
			t.true(ours.every(sequence => shown.includes(sequence)));
			t.true(isClean(ours.reduce((text, sequence) => text.replaceAll(sequence, ''), shown)));
			// Each cleared line is one of ours: exactly two texts.
			t.is(shown.split('\x1b[K').length - 1, 2);
		}),
	);
});

test('errors show text of QEMUs, hosts and lock holders, and obey none of it', t => {
	fc.assert(
		fc.property(foreign, foreign, (message, line) => {
			const holder = { pid: 1, machine: line, command: message, since: line };
			for (const error of [
				new VpmuError(message, { blame: 'qemu', evidence: [line, line] }),
				new LockBusyError(message, line, holder),
				new Error(message),
				message,
			]) {
				const stream = new PassThrough();
				explain(error, { stderr: outputTo(stream), env: { VPMU_DEBUG: '1' } });
				const shown = String(stream.read());
				t.true(isClean(shown));
				t.true(shown.startsWith('vpmu: '));
			}
		}),
	);
});

test('a QEMU that dies with escape sequences on its stderr moves no cursor', async t => {
	const folder = await folderOf(t);
	const file = path.join(folder, 'qemu');
	for (const [index, stderr] of attacks.entries()) {
		const script = JSON.stringify({ dieAtStart: { stderr: `qemu: ${stderr} is not possible\n`, status: 1 } });
		await writeFile(file, `#!/bin/sh\nFAKE_QEMU=${quoteWord(script)} exec ${quoteCommand(fakeQemu)} "$@"\n`);
		await chmod(file, 0o755);
		const { status, ...shown } = await call(['inspect', '--qemu', file]);
		t.is(status, 69, shown.stderr);
		t.true(isClean(shown.stdout) && isClean(shown.stderr), String(index));
		t.true(shown.stderr.includes('is not possible'));
	}
});

test('names given by a user are shown, not obeyed', async t => {
	for (const attack of attacks.filter(text => !text.includes('\0'))) {
		for (const argv of [[attack], ['run', attack], ['report', attack], ['list', '--on', attack], ['board', attack]]) {
			const { status, stdout, stderr } = await call(argv, {}, await folderOf(t));
			t.is(status, 2, stderr);
			t.true(isClean(stdout) && isClean(stderr), stderr);
		}
	}
});

test('bytes that arrive in pieces become characters', t => {
	const stream = new PassThrough();
	const output = outputTo(stream);
	for (const byte of Buffer.from('ä\x1b[31m日本\u202e')) output.write(Buffer.of(byte));
	t.is(String(stream.read()), 'ä\\x1b[31m日本\\u202e');
	output.write([screen.clearLine, '\x1b[K']);
	t.is(String(stream.read()), '\r\x1b[K\\x1b[K');
});

test('all output of the harness is escaped for the terminal', t => {
	const root = path.resolve(import.meta.dirname, '../..');
	const files = ['harness', 'src', 'cases', 'images'].flatMap(room =>
		readdirSync(path.join(root, room), { recursive: true, encoding: 'utf8' })
			.filter(name => /\.ts$/.test(name) && !/\.(test|real|full)\.ts$|testing\//.test(name))
			.map(name => path.join(room, name)),
	);
	const text = (file: string) => readFileSync(path.join(root, file), 'utf8');
	const writing =
		/process\.(stdout|stderr)\.write|: process\.(stdout|stderr)\b|\bconsole\.(log|error|warn|info)\(|'\/dev\/tty'/;
	t.deepEqual(
		files.filter(file => writing.test(text(file))),
		// The process's entry point, and the report of a run that AVA started, whose text is escaped earlier.
		['harness/main.ts', 'harness/run/alone.ts'],
	);
	// A guest's console and readline prompts are meant for the terminal itself.
	t.deepEqual(files.filter(file => /\.raw\b/.test(text(file))).sort(), [
		'harness/cli/guests/attach.ts',
		'harness/cli/guests/shell.ts',
		'harness/qmp-shell/interactive.ts',
	]);
});
