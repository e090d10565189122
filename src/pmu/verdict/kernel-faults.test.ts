import test from 'ava';
import type { KvmFacts } from '../facts.ts';
import { kernelFaults } from './kernel-faults.ts';

const faultsWith = (kvm: Partial<KvmFacts>) => kernelFaults({ kvm: kvm as KvmFacts });
const sound = { eventCounters: 0, cyclesListed: false, counted: '0-1', stopped: '' };

test('a kernel that does what it says has no fault, nor one that was not asked', t => {
	t.deepEqual(faultsWith({}), []);
	t.deepEqual(faultsWith({ fixedCounters: sound }), []);
	t.deepEqual(faultsWith({ defaultCounts: [{ madeOn: '0', counted: '0', stopped: '1' }] }), []);
});

test("a counter that does not follow its vCPU, counters that are too many, and one that counts nowhere are the kernel's", t => {
	t.deepEqual(faultsWith({ fixedCounters: { ...sound, counted: '0', stopped: '1' } }), [
		'the cycle counter of a vCPU with the fixed counters alone stands still on CPU 1, and counts on CPU 0',
	]);
	t.deepEqual(faultsWith({ fixedCounters: { ...sound, counted: '', stopped: '0-1' } }), [
		'the cycle counter of a vCPU with the fixed counters alone stands still on CPU 0-1',
	]);
	t.deepEqual(faultsWith({ fixedCounters: { ...sound, eventCounters: 6 } }), [
		'PMCR_EL0.N is 6 with the fixed counters alone, not 0',
	]);
	t.deepEqual(faultsWith({ defaultCounts: [{ madeOn: '0', counted: '', stopped: '0-1' }] }), [
		"a vCPU made on CPU 0 counts on no CPU with KVM's default event source",
	]);
	t.deepEqual(faultsWith({ fixedCounters: { unknown: 'attribute 5 could not be set: EBUSY' } }), [
		'attribute 5 could not be set: EBUSY',
	]);
});
