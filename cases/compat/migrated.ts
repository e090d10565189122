import { countWhileMoving, endMoving, migrateTo, pmuTest, restoreFrom, resumeMoving } from '../../harness/test.ts';

pmuTest(
	'a guest saved and restored, in a QEMU without the PMU choice and back, continues to count',
	{ selection: 'full', machine: ['virt-9.2'], reference: 'debian:trixie', needs: { counting: true } },
	async (t, cell) => {
		const { home } = cell;
		cell.requiredCpus = home;
		const guest = await cell.boot({ affinity: home });
		const [before] = await countWhileMoving(guest, 'cycles', [home], () => false);
		cell.addReading(before!.reading);
		await using folder = await cell.host.makeFolder();
		let machine = guest.machine;
		for (const [index, reference] of [true, false].entries()) {
			const uri = `file:${folder.path}/${index}`;
			const saved = await migrateTo(machine, uri);
			t.is(saved, 'completed', 'the guest could not be saved');
			if (index === 0) await cell.stop(machine, { look: false });
			else await machine.shutdown();
			machine = await cell.startBeside({
				reference,
				boot: true,
				affinity: home,
				spec: { paused: true, extra: ['-incoming', 'defer'] },
			});
			t.is(await restoreFrom(machine, uri), 'completed', 'the guest could not be restored');
			await machine.qmp.execute('cont');
			const restored = cell.guestOf(machine);
			await restored.moveVcpus(home);
			const { reading } = await resumeMoving(restored, 'cycles', home);
			cell.addReading(reading);
			if (index === 1) await endMoving(restored);
		}
	},
);
