import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { dir } from 'tmp-promise';
import type { Prediction } from '../../../src/pmu/index.ts';
import { bigLittle, none, uniform } from '../../../src/pmu/testing/facts.ts';
import { runCommandLine } from '../index.ts';

/** Runs `vpmu predict` with these arguments and this standard input, and returns its output. */
async function predict(argv: readonly string[], stdin = JSON.stringify(uniform), cwd = '/'): Promise<string> {
	const stdout = new PassThrough();
	const status = await runCommandLine(['predict', ...argv], {
		stdin: Readable.from([stdin]),
		stdout,
		stderr: new PassThrough(),
		env: {},
		cwd,
		signal: new AbortController().signal,
	});
	stdout.end();
	if (status !== 0) throw new Error(`status ${status}`);
	return await text(stdout);
}

test('facts from standard input and from a file give the same prediction', async t => {
	await using folder = await dir({ unsafeCleanup: true }).then(made => ({
		...made,
		[Symbol.asyncDispose]: made.cleanup,
	}));
	await writeFile(path.join(folder.path, 'facts.json'), JSON.stringify(bigLittle));
	const fromFile = await predict(['--facts', 'facts.json', '--json'], '', folder.path);
	t.is(fromFile, await predict(['--facts', '-', '--json'], JSON.stringify(bigLittle)));
	t.like(JSON.parse(fromFile) as Prediction, { backend: 'none', rule: 'no-cover' });
});

test('options become settings', async t => {
	const json = async (...argv: string[]) =>
		JSON.parse(await predict(['--facts', '-', '--json', ...argv], JSON.stringify(bigLittle))) as Prediction;
	t.like(await json('--pmu', '11'), { backend: 'event-source', type: 11, counting: { 0: 'cannot-run', 1: 'counts' } });
	t.like(await json('--qemu-has-choice', 'no', '--affinity', '0'), { rule: 'kvm-default', type: 10 });
	t.like(await json('--backcompat-pmu', 'on'), { rule: 'backcompat' });
	t.like(await json('--machine', 'virt-9.2', '--qemu-version', '10.0.13'), { rule: 'backcompat' });
	t.like(await json('--cpu-pmu', 'on'), { backend: 'error', error: "Property 'host-arm-cpu.pmu' not found" });
	t.like(await json('--pmu', 'armv8_cortex_a72'), { backend: 'event-source', type: 11, rule: 'explicit' });
	t.like(await json('--pmu', '10', '--vcpus', '4'), { traceLines: 5 });
	t.like(await json('--accel', 'tcg', '--cpu', 'cortex-a57'), { rule: 'tcg', events: ['cycles'] });
});

test('as text: the backend, where it counts, and why', async t => {
	const words = await predict(['--facts', '-', '--pmu', '11'], JSON.stringify(bigLittle));
	t.regex(words, /^backend: event-source, event source armv8_cortex_a72 \(type 11\) \(rule explicit\)$/m);
	t.regex(words, /^host CPU 0: vCPUs cannot run$/m);
	t.regex(words, /^host CPU 1: vCPUs run and count$/m);
	t.regex(await predict(['--facts', '-'], JSON.stringify(none)), /^guest: has no PMU$/m);
	t.regex(await predict(['--facts', '-', '--pmu', '-1']), /^posted code \(F2\): /m);
});

/** Facts of a host whose CPUs have this main ID register. */
const withMidr = (midr: string) =>
	JSON.stringify({ ...uniform, cpus: { ...uniform.cpus, midr: { 0: midr, 1: midr } } });

test('a CPU model of the host is predicted as the host is', async t => {
	const words = await predict(['--facts', '-', '--cpu', 'cortex-a57'], withMidr('0x00000000411fd070'));
	t.regex(words, /^backend: event-source/);
	t.regex(await predict(['--facts', '-', '--cpu', 'max']), /^backend: event-source/);
});

const wrong: readonly [title: string, argv: readonly string[], stdin: string, sentence: RegExp][] = [
	['no facts', [], '', /needs --facts/],
	['a missing file', ['--facts', 'nowhere.json'], '', /facts file 'nowhere\.json' of option '--facts' cannot be read/],
	['invalid facts', ['--facts', '-'], '{}', /'schema' in standard input is missing/],
	['nothing', ['--facts', '-'], '', /standard input is not what 'vpmu probe --json' prints: it is empty/],
	[
		'a machine type',
		['--facts', '-', '--machine', 'virt,x=y'],
		JSON.stringify(none),
		/machine type 'virt,x=y' of option '--machine'/,
	],
	[
		'a version',
		['--facts', '-', '--qemu-version', 'ten'],
		JSON.stringify(none),
		/version 'ten' of option '--qemu-version'/,
	],
	['vCPUs', ['--facts', '-', '--vcpus', '0'], JSON.stringify(none), /'0' of option '--vcpus'/],
	['affinity', ['--facts', '-', '--affinity', '3-1'], JSON.stringify(none), /CPU list "3-1"/],
	['no affinity', ['--facts', '-', '--affinity', '\n'], JSON.stringify(none), /names no CPU/],
	[
		'CPUs that the host does not have',
		['--facts', '-', '--affinity', '2-3,9'],
		JSON.stringify(bigLittle),
		/'2-3,9' of option '--affinity' names no CPU that is online in the facts; allowed: some of 0-1$/,
	],
	[
		'a machine type that is not an Arm one',
		['--facts', '-', '--machine', 'pc'],
		JSON.stringify(uniform),
		/machine type 'pc' of option '--machine' is not predicted; allowed: virt and its versions, such as virt-9\.2$/,
	],
	[
		'a name of no event source',
		['--facts', '-', '--pmu', 'armv8_none'],
		JSON.stringify(uniform),
		/no event source 'armv8_none' \(--pmu\) on local; the PMUs of its CPUs are: armv8_pmuv3_0 \(type 10\)$/,
	],
	[
		'a CPU model, of CPUs that the facts do not name',
		['--facts', '-', '--cpu', 'cortex-a57'],
		JSON.stringify(uniform),
		/^'cortex-a57' of option '--cpu' is not predicted: KVM accepts it only on such CPUs, and those of local are not known \(no MIDR in the facts\); allowed: host, max$/,
	],
	[
		'a CPU model of another host',
		['--facts', '-', '--cpu', 'cortex-a57'],
		withMidr('0x00000000410fd0b0'),
		/and those of local are others \(MIDR 0x00000000410fd0b0\); allowed: host, max$/,
	],
	[
		'a CPU model that KVM does not accept anywhere',
		['--facts', '-', '--cpu', 'neoverse-n1'],
		JSON.stringify(uniform),
		/^'neoverse-n1' of option '--cpu' does not run under KVM; allowed: host, max, cortex-a53, cortex-a57$/,
	],
	['an accelerator', ['--facts', '-', '--accel', 'hvf'], JSON.stringify(none), /'hvf' of option '--accel'/],
];

for (const [title, argv, stdin, sentence] of wrong) {
	test(`refused: ${title}`, async t => {
		const error = await t.throwsAsync(async () => predict(argv, stdin), { name: 'UsageError', message: sentence });
		t.false(error.message.includes('\n'));
	});
}

test('--verbose lists each event source that was considered', async t => {
	const facts = JSON.stringify(bigLittle);
	const words = await predict(['--facts', '-', '--verbose'], facts);
	t.regex(words, /^event sources considered:\n {2}software: no cpus file/m);
	t.regex(words, /^ {2}armv8_cortex_a72: does not cover CPU 0$/m);
	t.notRegex(await predict(['--facts', '-'], facts), /considered/);
});
