import { pmuTest } from '../../harness/test.ts';

pmuTest(
	'the PMU still counts after stop and cont, a reset, and a reboot',
	{ selection: 'full', needs: { counting: true } },
	async (_t, cell) => {
		const guest = await cell.boot({ spec: { reboot: true } });
		const { machine } = guest;
		await guest.count(['cycles']);
		await machine.qmp.execute('stop');
		await machine.qmp.execute('cont');
		await guest.count(['cycles']);
		await guest.restart(() => machine.qmp.execute('system_reset'));
		await guest.count(['cycles']);
		await guest.restart(() => guest.run('setsid sh -c "sleep 1; reboot -f" >/dev/null 2>&1 &'));
		await guest.count(['cycles']);
	},
);
