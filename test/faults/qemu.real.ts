import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fault } from './testing/fault.ts';

fault('QEMU missing', ({ run, folder }) => run(['fault/starts', '--qemu', path.join(folder, 'absent')]));

fault('QEMU not executable', async ({ run, folder }) => {
	const file = path.join(folder, 'qemu');
	await writeFile(file, '#!/bin/sh\n', { mode: 0o644 });
	return await run(['fault/starts', '--qemu', file]);
});

fault('QEMU is not a program', async ({ run, folder }) => {
	const file = path.join(folder, 'qemu');
	await writeFile(file, 'no program at all', { mode: 0o755 });
	return await run(['fault/starts', '--qemu', file]);
});

fault(
	'QEMU for another architecture, cells of this machine',
	async ({ run, folder }) => {
		const file = path.join(folder, 'qemu');
		await writeFile(file, elfHeader(183), { mode: 0o755 });
		return await run(['fault/starts', '--qemu', file]);
	},
	process.arch === 'arm64' ? 'this machine is arm64' : undefined,
);

fault('QEMU lacks a shared library', async ({ run, script }) => {
	const words =
		'qemu-system-aarch64: error while loading shared libraries: libnowhere.so.1: cannot open shared object file: No such file or directory';
	return await run(['fault/starts', '--qemu', await script(`echo "${words}" >&2; exit 127`)]);
});

fault(
	'QEMU wraps a program that only root may run',
	async ({ run, folder, script }) => {
		const closed = path.join(folder, 'closed');
		await mkdir(closed, { mode: 0o700 });
		await writeFile(path.join(closed, 'qemu'), '#!/bin/sh\n', { mode: 0o755 });
		return await run(['fault/starts', '--qemu', await script(`exec '${path.join(closed, 'qemu')}' "$@"`)]);
	},
	process.getuid?.() === 0 ? undefined : 'needs root',
);

fault('QEMU dies whatever it is started with', async ({ run, script }) =>
	run(['fault/starts', '--qemu', await script('echo "qemu: no" >&2; exit 1')]),
);

/** Only the machine of a cell has a kernel; earlier starts of QEMU only inspect it. */
const withKernel = (then: string) => `case "$*" in *-kernel*) ${then} ;; esac\nexec $QEMU "$@"`;

fault('QEMU refuses the machine of the cell', async ({ run, script }) =>
	run(['fault/boots', '--qemu', await script(withKernel('echo "qemu: cannot do that" >&2; exit 1'))]),
);

fault('QEMU dies while the guest boots', async ({ run, script }) =>
	run(['fault/boots', '--qemu', await script(withKernel('ulimit -c 0; (sleep 1; kill -s SEGV $$) &'))]),
);

fault('QEMU killed from outside while it counts', ({ run }) => run(['fault/killed']));

fault('QEMU stops the machine while it counts', ({ run }) => run(['fault/stopped-by-qemu']));

fault('QEMU stopped while it counts', ({ run }) => run(['fault/stopped']));

/** Returns the first bytes of a 64-bit ELF program for a machine (ELF header, e_machine at 18). */
function elfHeader(machine: number): Buffer {
	const bytes = Buffer.alloc(4096);
	bytes.write('\x7fELF\x02\x01\x01', 'latin1');
	bytes.writeUInt16LE(machine, 18);
	return bytes;
}
