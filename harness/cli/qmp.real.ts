import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { parseJson, parseRecording, UsageError } from '../../src/index.ts';
import { parseCommand } from './command.ts';
import { command } from './qmp.ts';

const qemus = (process.env.VPMU_TEST_QEMUS ?? '').split(':').filter(Boolean);

async function vpmuQmp(
	argv: readonly string[],
	input = '',
): Promise<{ status: number; stdout: string; stderr: string }> {
	const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
	stdin.end(input);
	const context = { stdin, stdout, stderr, env: {}, cwd: tmpdir(), signal: new AbortController().signal };
	const status = await command.run(context, parseCommand(command, argv));
	const text = (stream: PassThrough) => String(stream.read() ?? '');
	return { status, stdout: text(stdout), stderr: text(stderr) };
}

if (qemus.length === 0) test.skip('vpmu qmp [no QEMU: VPMU_TEST_QEMUS is not set]', () => undefined);
for (const qemu of qemus) {
	const name = path.basename(qemu);
	test.serial(`one command, exact JSON [${name}]`, async t => {
		const properties = await vpmuQmp(['--qemu', qemu, 'qom-list-properties', 'typename=cxl-type3']);
		t.is(properties.status, 0);
		t.is(properties.stdout.trimEnd().split('\n').length, 1);
		const version = parseJson((await vpmuQmp(['--qemu', qemu, 'query-version'])).stdout) as {
			qemu: { major: number };
		};
		if (version.qemu.major >= 10) {
			t.regex(properties.stdout, /"default-value":18446744073709551615,"name":"sn"/);
			const machines = await vpmuQmp(['--qemu', qemu, 'query-machines', 'compat-props=true']);
			t.regex(machines.stdout, /"compat-props":\[\{/);
		}
	});

	test.serial(`refusals, mistakes and deaths [${name}]`, async t => {
		const refused = await vpmuQmp(['--qemu', qemu, 'qom-list', 'path=/nope']);
		t.is(refused.status, 1);
		t.is(refused.stdout, '');
		t.is(refused.stderr, "qom-list: Device '/nope' not found (DeviceNotFound)\n");
		await t.throwsAsync(vpmuQmp(['--qemu', qemu, 'query-machine']), {
			instanceOf: UsageError,
			message: /did you mean 'query-machines'/,
		});
		await t.throwsAsync(vpmuQmp(['--qemu', qemu, 'qom-list', 'pth=/']), { message: /did you mean 'path'/ });
		await t.throwsAsync(vpmuQmp(['--qemu', '/nope', 'query-status']), { instanceOf: UsageError });
		await t.throwsAsync(vpmuQmp(['query-status']), { instanceOf: UsageError });
		await t.throwsAsync(vpmuQmp(['--qemu', '/bin/true', 'query-status']), { code: 'QMP_DISCONNECTED' });
	});

	test.serial(`lines from a pipe: answers and events as NDJSON, recorded [${name}]`, async t => {
		const record = path.join(mkdtempSync(path.join(tmpdir(), 'vpmu-qmp-')), 'qmp.ndjson');
		const lines = 'query-status\n\n# comment\n{"execute": "nope"}\nquit\n';
		const { status, stdout } = await vpmuQmp(['--qemu', qemu, '--record', record], lines);
		const answers = stdout
			.trimEnd()
			.split('\n')
			.map(line => parseJson(line) as object);
		t.is(status, 1);
		t.like(answers[0], { return: { running: false } });
		t.like(answers[1], { error: { class: 'CommandNotFound' } });
		t.true(answers.some(answer => 'event' in answer && answer.event === 'SHUTDOWN'));
		t.true(parseRecording(readFileSync(record, 'utf8')).some(({ text }) => text.includes('SHUTDOWN')));
	});
}
