import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { parseJson, UsageError, type VpmuError } from '../../../src/lib/index.ts';
import type { QemuError } from '../../../src/qemu/index.ts';
import { parseRecording } from '../../../src/qmp/index.ts';
import { runCommandLine } from '../index.ts';

const suites = ['debian:bookworm', 'debian:trixie', 'debian:trixie-backports'];

async function vpmuQmp(
	argv: readonly string[],
	input = '',
): Promise<{ status: number; stdout: string; stderr: string }> {
	const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
	stdin.end(input);
	const context = { stdin, stdout, stderr, env: process.env, cwd: tmpdir(), signal: new AbortController().signal };
	const status = await runCommandLine(['qmp', ...argv], context);
	const text = (stream: PassThrough) => String(stream.read() ?? '');
	return { status, stdout: text(stdout), stderr: text(stderr) };
}

for (const qemu of suites) {
	test.serial(`one command, exact JSON [${qemu}]`, async t => {
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

	test.serial(`refusals, usage errors and deaths of QEMU [${qemu}]`, async t => {
		const refused = await vpmuQmp(['--qemu', qemu, 'qom-list', 'path=/nope']);
		t.is(refused.status, 1);
		t.is(refused.stdout, '');
		t.is(refused.stderr, "qom-list: Device '/nope' not found (DeviceNotFound)\n");
		await t.throwsAsync(vpmuQmp(['--qemu', qemu, 'query-machine']), {
			instanceOf: UsageError,
			message: /did you mean 'query-machines'/,
		});
		await t.throwsAsync(vpmuQmp(['--qemu', qemu, 'qom-list', 'pth=/']), { message: /did you mean 'path'/ });
		// A command that crashed QEMU until it was fixed there.
		const asked = vpmuQmp(['--qemu', qemu, 'qom-list-properties', 'typename=colo-compare']);
		if (qemu === 'debian:trixie-backports') t.is((await asked).status, 0);
		else await t.throwsAsync(asked, { code: 'QMP_DISCONNECTED', message: /it was killed by SIGABRT; its last words/ });
	});

	test.serial(`lines from a pipe: answers and events as NDJSON, recorded [${qemu}]`, async t => {
		const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-test-'));
		t.teardown(() => rmSync(folder, { recursive: true }));
		const record = path.join(folder, 'qmp.ndjson');
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

test.serial('a QEMU that cannot be started is named, and the user who named it is blamed', async t => {
	await t.throwsAsync(vpmuQmp(['query-status']), { instanceOf: UsageError });
	const missing = await t.throwsAsync<VpmuError>(vpmuQmp(['--qemu', '/nope', 'query-status']));
	t.like(missing, { message: "there is no program '/nope' on local", blame: 'user' });
	const notQemu = await t.throwsAsync<QemuError>(vpmuQmp(['--qemu', '/bin/true', 'query-status']));
	t.like(notQemu, { failure: 'exited', blame: 'qemu', exit: { status: 0 } });
});
