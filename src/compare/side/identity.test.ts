import test from 'ava';
import { sketched } from '../testing/cells.ts';
import { buildOf, identityOf, identityText, stableIdOf, stableIdsOf } from './identity.ts';

test('a cell has the same stable id for each build of QEMU', t => {
	const built = (key: string) => `pmu/a[biglittle,/cache/roots/qemu-built-${key}/qemu-system-aarch64,virt-9.2,pmu=10]`;
	t.is(stableIdOf(built('6619')), 'pmu/a[biglittle,virt-9.2,pmu=10]');
	t.is(stableIdOf(built('6619')), stableIdOf(built('7e28')));
	t.is(buildOf(built('6619')), '/cache/roots/qemu-built-6619/qemu-system-aarch64');
	t.is(buildOf('pmu/a[uniform,debian:trixie,virt]'), undefined);
	t.is(stableIdOf('pmu/a[ssh://u@host,/a b/c,d/qemu,virt,tcg]'), 'pmu/a[ssh://u@host,virt,tcg]');
	t.is(stableIdOf('pmu/a[local,/q[1]/qemu,virt,kernel=/boot/a,b]'), 'pmu/a[local,virt,kernel=/boot/a,b]');
});

test('a name of a QEMU stays in the stable id, and an id that vpmu did not make stays as it is', t => {
	for (const id of [
		...[
			'pmu/a[uniform,debian:trixie,virt,kernel=/boot/a]',
			'pmu/a',
			'',
			'[',
			'a[b,/c',
			'a[b,/c]',
			'a[b]',
			'a[b,c,/d,e]',
		],
	]) {
		t.is(stableIdOf(id), id);
	}
	const cell = sketched({ qemu: '/a/qemu', axes: ['pmu=1', 'vcpus=2'] });
	t.is(stableIdOf(cell.id), identityText({ ...identityOf(cell), qemu: '' }));
});

test('a stable id is made of a long one in linear time', t => {
	t.is(stableIdOf(`a[b,/${',/'.repeat(500_000)},virt]`), 'a[b,virt]');
	t.is(stableIdOf(`a[b,/${'x'.repeat(500_000)},-]`).length, 500_008);
});

test('the stable ids of a run are unique: cells that share one keep their own', t => {
	const ids = ['a[b,/x/q,virt]', 'a[b,/y/q,virt]', 'a[c,/x/q,virt]', 'a[b,/x/q,virt]'];
	t.deepEqual(
		[...stableIdsOf(ids)],
		[
			['a[b,/x/q,virt]', 'a[b,/x/q,virt]'],
			['a[b,/y/q,virt]', 'a[b,/y/q,virt]'],
			['a[c,/x/q,virt]', 'a[c,virt]'],
		],
	);
});
