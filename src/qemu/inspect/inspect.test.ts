import test from 'ava';
import { QemuError } from '../errors.ts';
import { startMachine } from '../machine/start.ts';
import type { Script } from '../testing/fake-qemu.ts';
import { fakeQemu, fakeSpec, scriptedHost } from '../testing/machines.ts';
import { Asker } from './ask.ts';
import { inspectQemu } from './inspect.ts';

const machine = (name: string, compat: readonly [string, string, string][] = [], more = {}) => ({
	name,
	'cpu-max': 512,
	deprecated: false,
	'compat-props': compat.map(([type, property, value]) => ({ 'qom-type': type, property, value })),
	...more,
});

/** A QEMU with the PMU choice and with working KVM. */
const patched: Script = {
	stderr: 'qemu: warning: kvm is slow today\n',
	dieAtStart: { argument: 'kvm,pmu=x', status: 1, stderr: "qemu: -accel kvm,pmu=x: Parameter 'pmu' expects uint64\n" },
	replies: {
		'query-kvm': { present: true, enabled: true },
		'query-target': { arch: 'aarch64' },
		'qom-list-types': [{ name: 'accel' }, { name: 'kvm-accel' }, { name: 'tcg-accel' }],
		'qom-list-properties': 'die:SIGABRT:Unable to set pmu after KVM has been initialized',
		'query-machines': [
			machine('virt-10.2', [], { alias: 'virt' }),
			machine('virt-9.2', [
				['kvm-accel', 'backcompat-pmu', 'false'],
				['kvm-accel', 'backcompat-pmu', 'true'],
			]),
			machine('none'),
		],
		'query-cpu-model-expansion': { model: { props: { pmu: true, aarch64: true } } },
		'trace-event-get-state': [{ name: 'kvm_arm_set_pmu', state: 'disabled' }],
	},
};

test('a patched QEMU under KVM: a question that crashes QEMU is asked of a separate one, and the crash is the answer', async t => {
	const found = await inspectQemu(scriptedHost(patched), { command: fakeQemu, label: 'fake' });
	t.like(found, { schema: 'vpmu-inspect/1', qemu: 'fake', version: '9.9.9', package: 'fake', target: 'aarch64' });
	t.deepEqual(found.accelerators, {
		enabled: 'kvm',
		present: ['kvm', 'tcg'],
		from: 'qom-list-types',
		kvm: { present: true, enabled: true },
		notes: ['qemu: warning: kvm is slow today'],
	});
	const answer = found.acceleratorProperties['kvm-accel'];
	t.true(answer !== undefined && 'died' in answer);
	t.like(
		found.deaths.find(death => death.question.includes('kvm-accel')),
		{
			exit: { status: null, signal: 'SIGABRT' },
			question: '{"execute":"qom-list-properties","arguments":{"typename":"kvm-accel"}}',
		},
	);
	t.true(found.deaths[0]!.stderr.includes('Unable to set pmu after KVM has been initialized'));
	t.is(found.pmuChoice.has, true);
	t.deepEqual(
		found.pmuChoice.evidence.map(({ way, has }) => [way, has]),
		[
			['trace-event', true],
			['compat-properties', true],
			['accelerator-properties', true],
			['command-line', true],
		],
	);
	t.true('answer' in found.machines);
	const machines = 'answer' in found.machines ? found.machines.answer : [];
	t.deepEqual(
		machines.map(({ name, alias, backcompatPmu }) => [name, alias, backcompatPmu]),
		[
			['none', null, false],
			['virt-9.2', null, true],
			['virt-10.2', 'virt', false],
		],
	);
	t.deepEqual(Object.keys(found.cpuModels), ['host', 'max']);
	t.false('qmpSchema' in found);
});

test('a QEMU that supports hardly any command still gives an inspection', async t => {
	const found = await inspectQemu(
		scriptedHost({ dieAtStart: { ...patched.dieAtStart!, stderr: 'qemu: invalid accelerator kvm\n' } }),
		{
			command: fakeQemu,
		},
	);
	t.is(found.version, '9.9.9');
	t.is(found.target, null);
	t.is(found.pmuChoice.has, null);
	t.like(found.machines, { refused: { class: 'CommandNotFound' } });
	t.deepEqual(found.deaths, []);
});

test('a question that hangs is an answer too, and the next question gets a new QEMU', async t => {
	const host = scriptedHost({ replies: { 'query-kvm': 'hang', 'query-target': { arch: 'aarch64' } } });
	await using asker = new Asker(() => startMachine(host, { ...fakeSpec, console: false, paused: true }), {
		timeoutMs: 300,
	});
	t.deepEqual(await asker.ask('query-kvm'), { unanswered: 'no answer within 300 ms' });
	asker.timeoutMs = 600_000;
	t.deepEqual(await asker.ask('query-target'), { answer: { arch: 'aarch64' } });
	t.deepEqual(asker.deaths, []);
});

test('an inspection ends even if every question crashes QEMU', async t => {
	const host = scriptedHost({ replies: { 'query-kvm': 'die:7:no' } });
	await using asker = new Asker(() => startMachine(host, { ...fakeSpec, console: false, paused: true }), {
		timeoutMs: 600_000,
	});
	let asked = 0;
	for (; asked < 20; asked++) {
		const answer = await asker.ask('query-kvm');
		if ('unanswered' in answer) break;
		t.like(answer, { died: { exit: { status: 7, signal: null }, stderr: ['no'] } });
	}
	t.is(asked, 8);
	t.is(asker.deaths.length, 8);
});

test('a QEMU that cannot be started is an error, not an answer', async t => {
	const error = await t.throwsAsync(
		inspectQemu(scriptedHost({ dieAtStart: { status: 1, stderr: 'qemu: no\n' } }), { command: fakeQemu }),
		{ instanceOf: QemuError },
	);
	t.is(error?.message, 'QEMU ended with status 1 while its start was waited for: qemu: no');
});

test('an abort ends it with the reason', async t => {
	const abort = new AbortController();
	const reason = new Error('enough');
	setTimeout(() => abort.abort(reason), 400);
	const host = scriptedHost({ replies: { 'query-kvm': 'hang' } });
	t.is(await t.throwsAsync(inspectQemu(host, { command: fakeQemu }, { signal: abort.signal })), reason);
});
