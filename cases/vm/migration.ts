import { migrateTo, restoreFrom, vmTest } from '../../harness/test.ts';

vmTest(
	'a guest that moves to another QEMU continues where it was',
	{ selection: 'full', accel: ['tcg', 'kvm'], machine: ['virt-9.2'], reference: 'debian:trixie' },
	async (t, cell) => {
		const guest = await cell.boot();
		await guest.run('echo still here >/tmp/mark');
		await using folder = await cell.host.makeFolder();
		const uri = `file:${folder.path}/guest`;
		t.is(await migrateTo(guest.machine, uri), 'completed');
		await cell.stop(guest.machine);

		const there = await cell.startBeside({
			...{ reference: true, boot: true },
			spec: { paused: true, extra: ['-incoming', 'defer'] },
		});
		t.is(await restoreFrom(there, uri), 'completed');
		await there.qmp.execute('cont');
		t.is((await cell.guestOf(there).run('cat /tmp/mark')).toString(), 'still here\n');
	},
);
