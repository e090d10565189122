import test from 'ava';
import { bigLittle, none, uniform } from '../../src/pmu/testing/facts.ts';
import { tagsOf } from './tags.ts';

test('a host is named by what it is like, its PMUs, kernel and GIC, and kvm where guests can run', t => {
	const usable = { ...uniform, kvm: { ...uniform.kvm, usable: 'yes', pmuV3: 'yes' } } as const;
	const tags = tagsOf({ ...usable, kernel: { release: '6.12.9-lab', machine: 'aarch64' }, other: { gic: 'v2 v3' } });
	for (const tag of ['aarch64', 'kvm', 'kvm-pmu', 'uniform', 'linux-6.12', 'gicv2', 'gicv3'])
		t.true(tags.includes(tag), tag);
	t.true(tags.some(tag => tag.startsWith('armv8_')));
	t.true(tagsOf(bigLittle).includes('biglittle'));
	t.true(tagsOf(none).includes('none'));
});

test('a host that is not an Arm one, or whose KVM cannot be used, has no kvm', t => {
	const usable = { ...uniform, kvm: { ...uniform.kvm, usable: 'yes' } } as const;
	t.deepEqual(tagsOf({ ...usable, kernel: { release: '6.1.0', machine: 'x86_64' }, eventSources: [], other: {} }), [
		'x86_64',
		'linux-6.1',
	]);
	t.false(tagsOf({ ...uniform, kvm: { ...uniform.kvm, usable: 'no' } }).includes('kvm'));
});

test('whatever a host is called, its tags have characters that every engine takes', t => {
	const strange = { ...uniform, kernel: { release: 'x;$(reboot)\n', machine: 'a b&c|d' } };
	for (const tag of tagsOf(strange)) t.regex(tag, /^[\w.-]+$/);
});
