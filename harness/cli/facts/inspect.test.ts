import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { quoteCommand, quoteWord, UsageError } from '../../../src/lib/index.ts';
import { QemuError } from '../../../src/qemu/index.ts';
import type { Script } from '../../../src/qemu/testing/fake-qemu.ts';
import { fakeQemu } from '../../../src/qemu/testing/machines.ts';
import { runCommandLine } from '../index.ts';

const machine = (name: string, backcompatPmu?: boolean) => ({
	name,
	'cpu-max': 8,
	deprecated: false,
	'compat-props':
		backcompatPmu === undefined
			? []
			: [{ 'qom-type': 'kvm-accel', property: 'backcompat-pmu', value: backcompatPmu ? 'true' : 'false' }],
});

const replies = {
	'query-kvm': { present: true, enabled: false },
	'query-target': { arch: 'aarch64' },
	'qom-list-types': [{ name: 'kvm-accel' }],
};

const plain: Script = { replies: { ...replies, 'query-machines': [machine('virt-9.2'), machine('virt-10.0')] } };
const patched: Script = {
	replies: {
		...replies,
		'query-machines': [machine('virt-9.2', true), machine('virt-10.0', true), machine('virt-11.0')],
		'trace-event-get-state': [{ name: 'kvm_arm_set_pmu', state: 'disabled' }],
		'qom-list-properties': [{ name: 'pmu', type: 'uint64', 'default-value': 7 }],
	},
};
/** The compat property is in the list of a version that is too old. */
const misplaced: Script = {
	replies: { ...patched.replies, 'query-machines': [machine('virt-9.2', true), machine('virt-10.0')] },
};

/** A program file that is the fake QEMU with a script. */
async function program(t: ExecutionContext, script: Script): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = path.join(folder, 'qemu');
	const line = `FAKE_QEMU=${quoteWord(JSON.stringify(script))} exec ${quoteCommand(fakeQemu)} "$@"`;
	await writeFile(file, `#!/bin/sh\n${line}\n`);
	await chmod(file, 0o755);
	return file;
}

async function run(argv: readonly string[]) {
	const [stdout, stderr] = [new PassThrough(), new PassThrough()];
	const { signal } = new AbortController();
	const context = { stdin: new PassThrough(), stdout, stderr, env: process.env, cwd: process.cwd(), signal };
	const status = await runCommandLine(['inspect', ...argv], context);
	return { status, text: String(stdout.read() ?? '') };
}

test('an inspection as text and as JSON', async t => {
	const qemu = await program(t, patched);
	const { status, text } = await run(['--qemu', qemu]);
	t.is(status, 0);
	t.regex(text, /^QEMU 9\.9\.9 \(fake\), target aarch64, on local/);
	t.regex(text, /^PMU choice {5}yes$/m);
	t.regex(text, /backcompat-pmu on: virt 9\.2 10\.0$/m);
	const { text: json } = await run(['--qemu', qemu, '--json']);
	t.like(JSON.parse(json), { schema: 'vpmu-inspect/1', version: '9.9.9', pmuChoice: { has: true } });
});

test('versions of machine types are grouped by family', async t => {
	const names = ['virt-rhel9.4.0', 'virt-rhel9.6.0', 'virt-10.0', 'raspi3b', 'virt-noble'];
	const machines = { ...plain.replies, 'query-machines': names.map(name => machine(name)) };
	const { text } = await run(['--qemu', await program(t, { replies: machines })]);
	t.regex(text, /^machine types {2}5; versioned: virt 10\.0; virt-noble; virt-rhel 9\.4\.0 9\.6\.0$/m);
});

test('--diff: the promise is kept, broken, or undecided', async t => {
	const refused = { class: 'GenericError', desc: 'unknown event "kvm_arm_set_pmu"' };
	const before = await program(t, { ...plain, refusals: { 'trace-event-get-state': refused } });
	const kept = await run(['--qemu', before, '--diff', await program(t, patched)]);
	t.regex(kept.text, /^machine types keep their PMU: kept/m);
	t.is(kept.status, 0);
	const broken = await run(['--qemu', before, '--diff', await program(t, misplaced), '--json']);
	t.like(JSON.parse(broken.text), {
		schema: 'vpmu-inspect-diff/1',
		invariant: { holds: false, violations: ['virt-10.0'] },
		findings: { 0: { severity: 'regression', kind: 'backcompat-pmu' } },
	});
	t.is(broken.status, 1);
	const unknown = await run(['--qemu', await program(t, {}), '--diff', await program(t, patched)]);
	t.regex(unknown.text, /^machine types keep their PMU: not decided/m);
	t.is(unknown.status, 1);
});

test('bad usage is one sentence, and the death of a QEMU is reported', async t => {
	await t.throwsAsync(run([]), { instanceOf: UsageError, message: /needs option '--qemu'/ });
	await t.throwsAsync(run(['--qemu', '/nowhere/qemu']), {
		instanceOf: UsageError,
		message: /'\/nowhere\/qemu'.*does not exist/,
	});
	await t.throwsAsync(run(['--qemu', 'debian:nothing']), {
		instanceOf: UsageError,
		message: /unknown suite 'nothing'/,
	});
	const dying = await program(t, { dieAtStart: { stderr: 'qemu: no\n', status: 1 } });
	await t.throwsAsync(run(['--qemu', dying]), { instanceOf: QemuError, message: /ended with status 1 .*: qemu: no$/ });
});
