import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../../src/image/index.ts';
import { perfConfig, perfStubs } from '../perf.ts';

const here = import.meta.dirname;
const shipped = (name: string) => readFileSync(path.join(here, name));

/** The board: a KVM host reached over ssh, with the libraries that a user's own QEMU is likely to need. */
const board: Recipe = {
	name: 'board',
	description: 'an arm64 KVM host reached over ssh, as an initramfs',
	suite: 'trixie',
	architecture: 'arm64',
	packages: [
		'busybox-static',
		'openssh-server',
		'util-linux',
		'coreutils',
		'linux-perf',
		'libglib2.0-0t64',
		'zlib1g',
		'libfdt1',
		'libpixman-1-0',
		'libzstd1',
		'libslirp0',
		'liburing2',
		'libaio1t64',
		'libnuma1',
		'libseccomp2',
		'libcap-ng0',
		'libgcc-s1',
		'libstdc++6',
		'libatomic1',
		'libcrypt1',
		'libgnutls30t64',
		'libnettle8t64',
		'libbz2-1.0',
		'libelf1t64',
	],
	programs: [
		'/usr/bin/busybox',
		'/usr/sbin/sshd',
		'/usr/lib/openssh/sshd-session',
		'/usr/lib/openssh/sshd-auth',
		'/usr/lib/openssh/sftp-server',
		'/usr/bin/scp',
		'/usr/bin/taskset',
		'/usr/bin/chrt',
		'/usr/bin/unshare',
		'/usr/bin/mount',
		'/usr/bin/umount',
		'/usr/bin/flock',
		'/usr/bin/setpriv',
		// busybox' dd lacks iflag=nonblock, which is needed to read /dev/kmsg.
		'/usr/bin/dd',
		'/usr/bin/perf',
	],
	libraries: [
		'libglib-2.0.so.0',
		'libgio-2.0.so.0',
		'libgmodule-2.0.so.0',
		'libz.so.1',
		'libfdt.so.1',
		'libpixman-1.so.0',
		'libzstd.so.1',
		'libslirp.so.0',
		'liburing.so.2',
		'libaio.so.1t64',
		'libnuma.so.1',
		'libseccomp.so.2',
		'libcap-ng.so.0',
		'libgcc_s.so.1',
		'libstdc++.so.6',
		'libatomic.so.1',
		'libcrypt.so.1',
		'libgnutls.so.30',
		'libnettle.so.8',
		'libbz2.so.1.0',
		'libm.so.6',
		'libpthread.so.0',
		'libdl.so.2',
		'librt.so.1',
		'libutil.so.1',
	],
	busybox: '/usr/bin/busybox',
	// Keep the C++ library: a user's own QEMU may need it.
	stubs: perfStubs.filter(stub => !stub.soname.startsWith('libstdc++')),
	kernelModules: ['virtio_pci', 'virtio_mmio', 'virtio_net', 'virtio_blk', '9pnet_virtio', '9p'],
	files: {
		'/init': { content: shipped('init.sh'), mode: 0o755 },
		'/etc/passwd': {
			content:
				'root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\nqemu:x:65529:65529:QEMU under test:/:/usr/sbin/nologin\n',
		},
		'/etc/group': { content: 'root:x:0:\ntty:x:5:\nkvm:x:36:\nnogroup:x:65534:\nqemu:x:65529:\n' },
		'/etc/shells': { content: '/bin/sh\n' },
		'/etc/hosts': { content: '127.0.0.1 localhost board\n' },
		'/etc/perfconfig': { content: perfConfig },
		'/etc/ssh/sshd_config': { content: shipped('sshd_config') },
		// Programs from bookworm need libaio by its name before the time_t transition.
		'/usr/lib/aarch64-linux-gnu/libaio.so.1': { symlink: 'libaio.so.1t64' },
		'/var/tmp': { directory: true, mode: 0o1777 },
		'/var/run': { symlink: '/run' },
		'/var/empty': { directory: true },
	},
};

export default board;
