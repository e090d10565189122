import type { Blame } from '../../src/lib/index.ts';
import type { CellStatus } from '../../src/run/index.ts';

/** What a fault results in: the cell's status and blame, and the run's exit status. */
export interface FaultRow {
	/** Statuses of cells; `null` if the run ends before any cell. */
	readonly status: CellStatus | null;
	readonly blame: Blame | null;
	readonly exit: number;
	/** A part of the message: the evidence. */
	readonly says: string;
}

const row = (status: FaultRow['status'], blame: FaultRow['blame'], exit: number, says: string): FaultRow => ({
	...{ status, blame, exit, says },
});

/**
 * Every fault that a test produces, with its required result. docs/faults.md shows this table; the tests in this folder
 * are named after its rows.
 */
export const faults = {
	'QEMU missing': row(null, 'user', 2, "of option '--qemu' does not exist"),
	'QEMU not executable': row(null, 'user', 2, "of option '--qemu' is not executable"),
	'QEMU is not a program': row(null, 'user', 2, "of option '--qemu' is neither an ELF program nor a script"),
	'QEMU for another architecture, cells of this machine': row('skip', null, 69, 'is built for arm64'),
	'QEMU lacks a shared library': row('error', 'host', 69, 'needs the shared library libnowhere.so.1'),
	'QEMU wraps a program that only root may run': row('error', 'host', 69, 'Permission denied'),
	'QEMU dies whatever it is started with': row('error', 'qemu', 69, 'QEMU ended with status 1'),
	'QEMU refuses the machine of the cell': row('fail', 'qemu', 1, 'it exited with status 1: qemu: cannot do that'),
	'QEMU dies while the guest boots': row('fail', 'qemu', 1, 'QEMU was killed by SIGSEGV while the guest was booting'),
	'QEMU killed from outside while it counts': row('error', 'host', 69, 'a signal from outside'),
	'QEMU stopped while it counts': row('error', 'host', 69, 'is in state T (stopped by a signal)'),
	'QEMU stops the machine while it counts': row('fail', 'qemu', 1, "event STOP, run state 'paused'"),
	'KVM asked for on a machine that has none': row('skip', null, 69, 'needs KVM/arm64'),
	'kernel that is none': row(null, 'user', 2, 'is of no known format'),
	'kernel for another architecture': row(null, 'user', 2, 'is an ELF file for'),
	'guest panics': row('fail', 'guest', 1, 'the guest kernel panicked'),
	'guest hangs': row('fail', 'guest', 1, 'the guest hangs: no output for'),
	'guest reboots': row('fail', 'guest', 1, 'the guest ended its machine (guest-reset)'),
	'guest kernel warns': row('fail', 'guest', 1, 'but it warned: WARNING: '),
	'guest kernel oopses': row('fail', 'guest', 1, 'but it oopsed: Internal error: Oops'),
	'guest kernel hits a BUG': row('fail', 'guest', 1, 'but it hit a BUG: kernel BUG at '),
	'guest brings up one of two vCPUs': row(
		'fail',
		'guest',
		1,
		'expected 2 vCPUs to be online in the guest, but there is 1 (0)',
	),
	'guest never answers': row('fail', 'guest', 1, 'on the console within'),
	'clock of the guest jumps': row('pass', null, 0, ''),
	'clock of this machine jumps': row('pass', null, 0, ''),
	'disk of the run folder full from the start': row('error', 'host', 69, 'the disk is full'),
	'disk of the run folder full': row('error', 'host', 69, 'the disk is full'),
	'disk of temporary files full': row(null, 'host', 69, 'the disk is full'),
	'disk of the cache full': row('error', 'host', 69, 'the disk is full'),
	'disk of the cache full while a board boots': row('error', 'host', 69, 'the disk is full'),
	'image truncated': row('pass', null, 0, 'is damaged'),
	'image changed': row('error', 'image', 69, 'was damaged and has been removed'),
	'ssh server refuses connections': row('error', 'host', 69, 'refuses connections: no ssh server listens there'),
	'ssh host has no such name': row('error', 'host', 69, 'no such host name'),
	'counters of the host in use, not to wait': row('error', 'host', 75, 'is held by process'),
	'ssh connection dropped': row('error', 'host', 69, 'was lost'),
	'ssh host rebooted': row('error', 'host', 69, 'was lost'),
	'KVM of the host refused': row('error', 'host', 69, 'ssh://board has no usable /dev/kvm'),
	'QEMU for another architecture, cells of a board': row('error', 'user', 69, 'is a program for x86_64'),
	'kernel of the host in trouble': row('fail', 'kernel', 1, 'but it warned: WARNING: CPU: 0 PID: 1 at '),
	'own test of the kernel not ok': row('fail', 'kernel', 1, 'not ok 2 PMCR_EL0.N of a new VM'),
	'clock of the host jumps': row('pass', null, 0, ''),
	'board killed': row('error', 'board', 69, 'was lost'),
	'reader of standard output gone': row('fail', 'qemu', 1, 'a demand that nothing meets'),
	'standard output on a full disk': row('fail', 'qemu', 1, 'a demand that nothing meets'),
	'terminal closed': row('fail', 'qemu', 1, 'a demand that nothing meets'),
	'TMPDIR that does not exist': row(null, 'user', 2, 'of the environment variable TMPDIR does not exist'),
	'folders with odd characters': row('pass', null, 0, ''),
	'folders with odd characters, on a board': row('pass', null, 0, ''),
	'TMPDIR too long for sockets': row('pass', null, 0, 'that Unix sockets allow; sockets and logs'),
	'/tmp read-only': row(null, 'host', 69, 'cannot make a temporary folder: the file system is read-only'),
	'cache of another user': row(null, 'host', 69, 'belongs to user 65534, and vpmu runs as user'),
	'cache that others may write to': row(null, 'host', 69, 'others may write to the cache'),
	'cache that is a device': row(null, 'host', 69, "the cache '/dev/null' is not a folder"),
	'cache where no folder can be made': row(null, 'host', 69, 'permission denied (/proc/vpmu)'),
	'cache whose path the loader would split': row(null, 'user', 2, "has ':' in its path"),
	'case with a mistake': row('error', 'harness', 69, 'TypeError'),
	'case whose demand is not met': row('fail', 'qemu', 1, 'a demand that nothing meets'),
	'case that ends its worker': row('error', 'harness', 69, 'the worker of the cell ended before the cell did'),
	'case that never ends': row('error', 'harness', 69, 'the cell made no progress for'),
	'case file that cannot be imported': row(null, 'harness', 69, 'cannot be imported'),
} as const satisfies Record<string, FaultRow>;

export type FaultName = keyof typeof faults;

/** The table of docs/faults.md. */
export function faultTable(): string {
	const lines = Object.entries(faults as Record<string, FaultRow>).map(
		([name, { status, blame, exit, says }]) =>
			`| ${name} | ${status ?? '-'} | ${blame ?? '-'} | ${exit} | ${says === '' ? '-' : says.replaceAll('|', '\\|')} |`,
	);
	return ['| fault | status | blame | exit | says |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}
