import test from 'ava';
import { hostModel } from '../model/host-model.ts';
import { host, source } from '../testing/facts.ts';
import { chooseBackend } from './choice.ts';

const posted = (...cpus: readonly string[]) => {
	const sources = cpus.map((list, index) => source(`armv8_${index}`, 10 + index, list));
	const facts = host(sources, { kvm: { setPmu: 'no', vcpuInitCpus: '0-1' } });
	return chooseBackend(hostModel(facts), { machine: 'virt', qemu: { hasPmuChoice: true } }).posted;
};

test('without SET_PMU the order of the folder decides whether a list that ends QEMU is reached', t => {
	const ends = { backend: 'ends', finding: 'F6' } as const;
	t.deepEqual(posted('-1', '0-1'), [{ backend: 'default' }, ends]);
	t.deepEqual(posted('0-1', '-1'), [{ backend: 'default' }, ends]);
	t.deepEqual(posted('-1', '0'), [ends]);
});

test('memory beyond the bitmap is read only where it can change something', t => {
	t.deepEqual(posted('0-127'), [
		{ backend: 'default', finding: 'F5' },
		{ backend: 'none', finding: 'F5' },
	]);
	t.deepEqual(posted('64-127'), [{ backend: 'none' }]);
	t.deepEqual(posted('0-1'), [{ backend: 'default' }]);
});
