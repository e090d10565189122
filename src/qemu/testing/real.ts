import { buildImage, debianKernel, debianQemu, hostArchitecture, loadRecipe, openCache } from '../../image/index.ts';
import { smallVirt } from '../argv.ts';
import type { MachineSpec } from '../spec.ts';

/** Returns the command that starts Debian's QEMU of a suite on this machine. Downloads it into the cache if necessary. */
export async function realQemu(suite: string): Promise<readonly string[]> {
	const cache = await openCache();
	const program = await debianQemu(cache, suite, hostArchitecture());
	return program.command(program.root);
}

/** Returns a small guest under TCG: Debian's QEMU 10.0 and kernel, our guest image. */
export async function realGuest(): Promise<MachineSpec> {
	const cache = await openCache();
	const kernel = await debianKernel(cache, 'trixie');
	const image = await buildImage(cache, await loadRecipe('guest'));
	return {
		qemu: { command: await realQemu('trixie') },
		machine: 'virt',
		machineProperties: smallVirt,
		accel: 'tcg',
		cpu: 'cortex-a72',
		vcpus: 1,
		memoryMiB: 512,
		kernel: kernel.image,
		initrd: image.path,
		append: 'console=ttyAMA0 rdinit=/init panic=-1 quiet',
	};
}
