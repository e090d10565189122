import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../../src/image/index.ts';

/** Boots a guest whose root is an image written to a disk. */
const disk: Recipe = {
	name: 'disk',
	description: 'the initramfs of a guest whose root is a read-only disk: mounts /dev/vda and starts its init',
	suite: 'bookworm',
	architecture: 'arm64',
	packages: ['busybox-static'],
	programs: ['/usr/bin/busybox'],
	busybox: '/usr/bin/busybox',
	files: {
		'/init': { content: readFileSync(path.join(import.meta.dirname, 'init.sh')), mode: 0o755 },
		'/disk': { directory: true },
	},
	kernelModules: ['virtio_pci', 'virtio_blk', 'virtio_console', 'squashfs'],
};

export default disk;
