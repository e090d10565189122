import test from 'ava';
import { type HostFacts, hostModel, type PmuSettings, predictBackend } from '../../../src/pmu/index.ts';
import { bigLittle, host, none, partial, source, uniform } from '../../../src/pmu/testing/facts.ts';
import { type StayOptions, stayOf } from './stay.ts';

const posted = { hasPmuChoice: true, version: '10.0.13' };
const stock = { hasPmuChoice: false, version: '10.0.13' };

function stay(facts: HostFacts, settings: Partial<PmuSettings>, options: Partial<StayOptions> = {}) {
	return stayOf({
		groups: hostModel(facts).groups.map(group => `${group.cpus}`),
		predict: affinity =>
			predictBackend(facts, {
				...{ machine: 'virt', qemu: stock, ...settings },
				...(affinity === undefined ? {} : { affinity }),
			}),
		...options,
	});
}
const free = { affinity: undefined, requiredCpus: undefined };
const unchecked = { ...bigLittle, kernel: { release: '5.14.0-503.el9.aarch64', machine: 'aarch64' } };

test("on CPUs of different kinds a guest is bound to one kind, since KVM's default depends on where it is made", t => {
	t.deepEqual(stay(bigLittle, {}), { affinity: '0', requiredCpus: '0' });
	t.deepEqual(stay(bigLittle, {}, { groups: ['1', '0'], needsCounting: true }), { affinity: '1', requiredCpus: '1' });
	t.deepEqual(stay(bigLittle, { qemu: posted, backcompatPmu: true }), { affinity: '0', requiredCpus: '0' });
});

test('a guest that counts alike everywhere is not bound', t => {
	t.deepEqual(stay(uniform, {}, { needsCounting: true }), free);
	t.deepEqual(stay(bigLittle, { accel: 'tcg' }, { needsCounting: true }), free);
	t.deepEqual(stay(none, {}), free);
});

test('where only some CPUs can run or count, those are taken', t => {
	t.deepEqual(stay(bigLittle, { qemu: posted, pmu: '11' }), { affinity: '1', requiredCpus: '1' });
	t.deepEqual(stay(partial, {}, { groups: ['1', '0'] }), { affinity: '0', requiredCpus: '0' });
	const first = { ...bigLittle, kernel: { release: '6.1.0', machine: 'aarch64' } };
	t.deepEqual(stay(first, {}, { groups: ['1', '0'] }), { affinity: '0', requiredCpus: '0' });
});

test('a guest is bound to the CPUs that its case is about', t => {
	t.deepEqual(stay(bigLittle, {}, { requiredCpus: '1' }), { affinity: '1', requiredCpus: '1' });
	const both = stay(bigLittle, {}, { requiredCpus: '0-1' });
	t.regex('lacks' in both ? both.lacks : '', /host CPU 0-1: it depends on which CPU the first vCPU is made on/);
});

test("a case's own choice of CPUs is kept if what happens on all of them is predicted", t => {
	t.deepEqual(stay(bigLittle, {}, { affinity: '1' }), { affinity: '1', requiredCpus: undefined });
	t.deepEqual(stay(bigLittle, {}, { affinity: '1', requiredCpus: '1', needsCounting: true }), {
		...{ affinity: '1', requiredCpus: '1' },
	});
	t.deepEqual(stay(bigLittle, {}, { affinity: '1', needsCounting: true }), { affinity: '1', requiredCpus: undefined });
	const found = stay(unchecked, {}, { affinity: '1', requiredCpus: '1' });
	t.regex('lacks' in found ? found.lacks : '', /^needs a prediction .* on host CPU 1: .* not known .*5\.14\.0-503/);
});

test('where no CPU has a prediction the cell means nothing, and says why', t => {
	const found = stay(unchecked, {});
	t.regex(
		'lacks' in found ? found.lacks : '',
		/^needs a prediction of what the guest counts on host CPU 0: .* not known .*5\.14/,
	);
	const blind = host([source('armv8_pmuv3_0', 10, '0-1')], { online: '' });
	t.regex(JSON.stringify(stay(blind, {})), /lacks.*nothing is known of it/);
});

test('a case about counting is skipped where the guest has no PMU or its counters stop', t => {
	t.deepEqual(stay(bigLittle, { qemu: posted }, { needsCounting: true }), {
		lacks: 'needs a guest that counts cycles; this one gets no PMU (no-cover)',
	});
	t.deepEqual(stay(bigLittle, {}, { affinity: '0', requiredCpus: '1', needsCounting: true }), {
		lacks: 'needs a guest that counts cycles; its counters stop on host CPU 1',
	});
	const first = { ...bigLittle, kernel: { release: '6.1.0', machine: 'aarch64' } };
	t.deepEqual(stay(first, {}, { groups: ['1'], needsCounting: true }), {
		lacks: 'needs a guest that counts cycles; its counters stop on host CPU 1',
	});
	t.deepEqual(stay(first, {}, { groups: ['1'] }), { affinity: '1', requiredCpus: '1' });
});

test('a guest that is refused is started as the case asks', t => {
	t.deepEqual(stay(bigLittle, { qemu: posted, pmu: '9999' }, { needsCounting: true }), free);
});
