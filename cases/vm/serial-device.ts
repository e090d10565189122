import { vmTest } from '../../harness/test.ts';

vmTest(
	'the guest sees the PCI devices that QEMU lists, including the one that was added',
	{ selection: 'full', accel: ['tcg', 'kvm'] },
	async (t, cell) => {
		// Without ports, commands use the serial console.
		const guest = await cell.boot({ spec: { ports: [], extra: ['-device', 'virtio-rng-pci,addr=7'] } });
		const [bus] = await guest.machine.qmp.execute('query-pci');
		const shown = bus!.devices.map(({ slot, id }) => [slot, id.vendor, id.device]);
		t.true(shown.some(([slot]) => slot === 7));

		// Lines such as 0000:00:07.0 0x1af4 0x1005.
		const listed = await guest.run('cd /sys/bus/pci/devices; for d in *; do echo $d $(cat $d/vendor $d/device); done');
		const seen = listed
			.toString()
			.trim()
			.split('\n')
			.map(line => line.split(' '))
			.map(([at, ...ids]) => [Number.parseInt(at!.slice('0000:00:'.length), 16), ...ids.map(Number)]);
		t.deepEqual(seen, shown);
	},
);
