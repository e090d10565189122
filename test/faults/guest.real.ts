import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fault } from './testing/fault.ts';

fault('kernel that is none', async ({ run, folder }) => {
	const file = path.join(folder, 'kernel');
	await writeFile(file, randomBytes(1_000_000));
	return await run(['fault/boots', '--kernel', file]);
});

fault(
	'kernel for another architecture',
	({ run }) => run(['fault/boots', '--kernel', process.execPath]),
	process.arch === 'arm64' ? 'programs of this machine are for arm64' : undefined,
);

fault('guest panics', ({ run }) => run(['fault/panics']));

fault('guest hangs', ({ run }) => run(['fault/hangs']));

fault('guest reboots', ({ run }) => run(['fault/reboots']));

/** Causes a real fault in the guest's kernel, through the gdbstub. */
const troubled = (kind: string) => [
	'fault/kernel-trouble',
	'--cell',
	`fault/kernel-trouble[local,debian:trixie,virt,${kind},tcg]`,
];

fault('guest kernel warns', ({ run }) => run(troubled('warning')));

fault('guest kernel oopses', ({ run }) => run(troubled('null-pointer')));

fault('guest kernel hits a BUG', ({ run }) => run(troubled('bug')));

fault('guest brings up one of two vCPUs', ({ run }) => run(['fault/one-vcpu']));

fault('guest never answers', ({ run }) => run(['fault/no-shell']));

fault('clock of the guest jumps', ({ run }) => run(['fault/clock']));
