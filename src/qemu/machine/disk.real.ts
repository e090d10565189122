import test from 'ava';
import { parsePerfStat } from '../../guest/perf/parse.ts';
import { localHost } from '../../host/local.ts';
import { buildImage, debianKernel, loadRecipe, openCache } from '../../image/index.ts';
import { realGuest } from '../testing/real.ts';
import { startMachine } from './start.ts';

const patience = { timeoutMs: 120_000 };

for (const suite of ['trixie', 'bookworm']) {
	test.serial(`a guest whose root is the guest image as a disk, with the kernel of ${suite}: perf counts`, async t => {
		const cache = await openCache();
		const kernel = await debianKernel(cache, suite);
		const disk = await buildImage(cache, { ...(await loadRecipe('guest')), format: 'squashfs' });
		const initramfs = await buildImage(cache, await loadRecipe('disk'), { kernel });
		await using host = localHost();
		await using machine = await startMachine(host, {
			...(await realGuest()),
			...{ cpu: 'max', cpuProperties: { pauth: false }, kernel: kernel.image, initrd: initramfs.path },
			extra: [
				...['-blockdev', `driver=file,filename=${disk.path},read-only=on,node-name=root`],
				...['-device', 'virtio-blk-pci,drive=root'],
			],
		});
		const { shell } = machine;
		await shell.ready(patience);
		t.is((await shell.run(['stat', '-f', '-c', '%T', '/'], patience)).stdout.toString().trim(), 'squashfs');
		t.not((await shell.run('echo x >/usr/bin/x', patience)).status, 0);
		const perf = ['perf', 'stat', '-x,', '-o', '/tmp/perf', '-e', 'cycles', '/vpmu/workload', 'loop', '1000000'];
		t.is((await shell.run(perf, patience)).status, 0);
		const [cycles] = parsePerfStat((await shell.get('/tmp/perf', patience)).toString());
		t.is(cycles?.state, 'counted');
		t.true((cycles?.count ?? 0n) > 1_000_000n);
	});
}
