import { pmuTest } from '../../harness/test.ts';

pmuTest('the accelerator and its compat properties can be read over QMP, and QEMU survives it', {}, async (t, cell) => {
	const machine = await cell.startWithoutBoot();
	const types = await machine.qmp.execute('qom-list-types', { implements: 'accel' });
	t.true(types.some(type => type.name === 'kvm-accel'));
	const machines = await machine.qmp.execute('query-machines', { 'compat-props': true });
	t.true(machines.some(one => one.name.startsWith('virt-')));
	const properties = await machine.qmp.execute('qom-list-properties', { typename: 'kvm-accel' });
	t.true(properties.some(property => property.name === 'kernel-irqchip'));
	t.truthy(await machine.qmp.execute('query-status'));
});
