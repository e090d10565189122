import { pmuTest } from '../../harness/test.ts';

/** Reads everything that the guest's kernel reports about its PMU. */
const look = `cd /sys/bus/event_source/devices/armv8_pmuv3*
echo "events=$(ls events | tr '\\n' ' ')"
echo "formats=$(cat format/* | tr '\\n' ' ')"
echo "caps=$(cat caps/* 2>/dev/null | tr '\\n' ' ')"
echo "log=$(dmesg | sed -n 's/.*PMU driver, //p')"
echo "features=$(sed -n '/^Features/p' /proc/cpuinfo | head -n 1)"
echo "interrupt=$(od -An -tx1 /proc/device-tree/pmu/interrupts | tr -d '\\n')"`;

pmuTest(
	'on an old machine version the guest sees the same PMU as in a QEMU without the PMU choice',
	{ selection: 'full', machine: ['virt-9.2'], reference: 'debian:trixie', needs: { counting: true } },
	async (t, cell) => {
		const guest = await cell.boot();
		await guest.count(['cycles']);
		const before = cell.guestOf(await cell.startBeside({ reference: true, boot: true }));
		await before.ready();
		const [ours, theirs] = [await guest.fields(look), await before.fields(look)];
		t.regex(ours.events ?? '', /cpu_cycles/);
		t.deepEqual(ours, theirs);
	},
);
