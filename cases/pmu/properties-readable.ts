import { finding, pmuTest } from '../../harness/test.ts';

pmuTest(
	'the accelerator and its compat properties can be read over QMP, and QEMU survives it',
	{
		expectFailure: ({ qemu }, unmet) =>
			qemu.hasPmuChoice && unmet.every(demand => /after KVM has been initialized/.test(demand))
				? finding('F10')
				: undefined,
	},
	async (t, cell) => {
		const { qmp } = await cell.startWithoutBoot();
		const types = await qmp.execute('qom-list-types', { implements: 'accel' });
		t.true(types.some(type => type.name === 'kvm-accel'));
		const machines = await qmp.execute('query-machines', { 'compat-props': true });
		t.true(machines.some(one => one.name.startsWith('virt-')));
		const asked = qmp.execute('qom-list-properties', { typename: 'kvm-accel' });
		const properties = await cell.survives('being asked for the properties of its accelerator', asked);
		if (properties === undefined) return;
		t.true(properties.some(property => property.name === 'kernel-irqchip'));
		t.truthy(await qmp.execute('query-status'));
	},
);
