import test from 'ava';
import type { Answer, MachineType, ObjectProperty } from './inspection.ts';
import {
	byAcceleratorProperties,
	byCommandLine,
	byCompatProperties,
	byTraceEvent,
	combineEvidence,
	compatBoolean,
} from './pmu-choice.ts';

const refused = (desc: string): Answer<never> => ({ refused: { class: 'GenericError', desc } });
const died = (...stderr: string[]): Answer<never> => ({
	died: { question: 'q', exit: { status: null, signal: 'SIGABRT' }, stderr },
});

test('trace event', t => {
	t.is(byTraceEvent({ answer: [{ name: 'kvm_arm_set_pmu', state: 'disabled' }] }).has, true);
	t.is(byTraceEvent(refused('unknown event "kvm_arm_set_pmu"')).has, false);
	t.is(byTraceEvent(refused('something else')).has, null);
	t.is(byTraceEvent({ unanswered: 'no answer' }).has, null);
});

test('compat properties: the last one wins', t => {
	const entry = (value: string) => ({ qomType: 'kvm-accel', property: 'backcompat-pmu', value });
	t.is(compatBoolean([entry('true'), entry('off')], 'kvm-accel', 'backcompat-pmu'), false);
	t.is(compatBoolean([entry('off'), entry('on')], 'kvm-accel', 'backcompat-pmu'), true);
	t.is(compatBoolean([], 'kvm-accel', 'backcompat-pmu'), undefined);
});

test('compat properties of all machine types', t => {
	const machine = (name: string, backcompatPmu: boolean | null): MachineType => ({
		...{ name, alias: null, isDefault: false, deprecated: false, cpuMax: 1, defaultCpuType: null },
		...{ compatProperties: backcompatPmu === null ? null : [], backcompatPmu },
	});
	t.is(byCompatProperties({ answer: [machine('a', false), machine('b', true)] }).has, true);
	t.is(byCompatProperties({ answer: [machine('a', false)] }).has, false);
	t.is(byCompatProperties({ answer: [machine('a', null)] }).has, null);
	t.is(byCompatProperties(refused('no')).has, null);
});

test('properties of the accelerator, or the crash when they are asked for', t => {
	const property = (name: string): ObjectProperty => ({ name, type: 'uint64' });
	t.is(byAcceleratorProperties({ answer: [property('device'), property('pmu')] }).has, true);
	t.is(byAcceleratorProperties({ answer: [property('device')] }).has, false);
	t.is(byAcceleratorProperties(died('qemu: Unable to set pmu after KVM has been initialized')).has, true);
	t.is(byAcceleratorProperties(died('qemu: something else')).has, null);
	t.is(byAcceleratorProperties(undefined).has, null);
	t.regex(byAcceleratorProperties(died('last words')).answer, /killed by SIGABRT: last words/);
});

test('command line', t => {
	const said = (text: string) => byCommandLine([`qemu-system-aarch64: -accel kvm,pmu=x: ${text}`]);
	t.is(said("Property 'kvm-accel.pmu' not found").has, false);
	t.is(said("Parameter 'pmu' expects uint64").has, true);
	t.is(said('invalid accelerator kvm').has, null);
	t.is(byCommandLine(['something else']).has, null);
	t.is(byCommandLine(undefined).has, null);
});

test('methods that contradict each other prove nothing', t => {
	const evidence = (has: boolean | null) => ({ way: 'trace-event', question: '', answer: '', has }) as const;
	t.is(combineEvidence([evidence(true), evidence(null)]), true);
	t.is(combineEvidence([evidence(false), evidence(false)]), false);
	t.is(combineEvidence([evidence(true), evidence(false)]), null);
	t.is(combineEvidence([evidence(null)]), null);
});
