import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { findKeptBoard } from '../../src/board/index.ts';
import { type Host, localHost, sshHost } from '../../src/host/index.ts';
import { openCache } from '../../src/image/index.ts';
import { poll, quoteCommand } from '../../src/lib/index.ts';
import { vpmu } from '../testing/vpmu.ts';
import { type FaultSetting, fault } from './testing/fault.ts';

/*
 * Faults of a host that runs guests under KVM. The host is a running board, reached like a user's machine: the system's
 * ssh is told where `board` is.
 */

const counts = ['pmu/default-counts', '--qemu', 'debian:trixie'];
let sshArguments: readonly string[] = [];

test.before(async t => {
	t.timeout(600_000);
	await comeUp();
});

test.after.always(() => vpmu(['board', 'down', 'uniform']));

async function comeUp(): Promise<void> {
	const { status, stderr } = await vpmu(['board', 'up', 'uniform']);
	if (status !== 0) throw new Error(stderr);
	sshArguments = (await findKeptBoard(await openCache(), 'uniform'))!.sshArguments;
}

/** The board, over a connection of the test's own. */
async function board(): Promise<Host> {
	return await sshHost(sshArguments.at(-1)!, { options: sshArguments.slice(0, -1) });
}

/** Runs vpmu on `ssh://board`; `meanwhile` is called soon after its cell started. */
async function onBoard(
	{ run, folder }: FaultSetting,
	argv: readonly string[],
	meanwhile?: (host: Host) => Promise<unknown>,
) {
	const ssh = path.join(folder, 'ssh');
	const options = [...sshArguments.slice(0, -1), '-o', 'HostName=127.0.0.1', '-o', 'User=root'];
	await writeFile(ssh, `#!/bin/sh\nPATH=\${PATH#*:}\nexec ssh ${quoteCommand(options)} "$@"\n`);
	await chmod(ssh, 0o755);
	await using host = await board();
	const running = run([...argv, '--on', 'ssh://board'], {
		cases: null,
		env: { PATH: `${folder}:${process.env.PATH}` },
	});
	if (meanwhile !== undefined) {
		await cellStarted(path.join(folder, 'run'));
		await meanwhile(host);
	}
	return await running;
}

async function cellStarted(runFolder: string): Promise<void> {
	const cells = path.join(runFolder, 'cells');
	await poll(
		'the QEMU of the cell',
		async () => {
			const [cell] = await readdir(cells).catch(() => []);
			const said =
				cell === undefined ? '' : await readFile(path.join(cells, cell, 'qmp.ndjson'), 'utf8').catch(() => '');
			return said.includes('cont') ? true : undefined;
		},
		{ timeoutMs: 200_000, everyMs: 100 },
	);
	await delay(1500);
}

fault('counters of the host in use, not to wait', async setting => {
	await using host = await board();
	await using _lock = await host.lock('/sys/bus/event_source/devices');
	return await onBoard(setting, [...counts, '--no-wait']);
});

fault('KVM of the host refused', async setting => {
	await using host = await board();
	await host.run(['mv', '/dev/kvm', '/dev/kvm.away']);
	try {
		return await onBoard(setting, counts);
	} finally {
		await host.run(['mv', '/dev/kvm.away', '/dev/kvm']);
	}
});

fault(
	'QEMU for another architecture, cells of a board',
	({ run }) => run(['pmu/default-counts', '--on', 'board:uniform', '--qemu', process.execPath], { cases: null }),
	process.arch === 'arm64' ? 'programs of this machine are for arm64' : undefined,
);

// Simulates a kernel fault by writing its message to the board's log.
fault('kernel of the host in trouble', setting =>
	onBoard(setting, counts, async host => {
		const line = '<4>WARNING: CPU: 0 PID: 1 at arch/arm64/kvm/pmu-emul.c:700 kvm_pmu_create_perf_event+0x100/0x200';
		await host.run(['sh', '-c', 'echo "$1" > /dev/kmsg', 'sh', line]);
	}),
);

// A script stands in for the test, as in a kernel that breaks it.
fault('own test of the kernel not ok', async setting => {
	const selftests = path.join(setting.folder, 'selftests');
	await mkdir(selftests);
	const tap = ['TAP version 13', '1..2', 'ok 1 PMCR_EL0.N', 'not ok 2 PMCR_EL0.N of a new VM'];
	const text = `#!/bin/sh\n${tap.map(line => `echo '${line}'`).join('\n')}\n`;
	await writeFile(path.join(selftests, 'get-reg-list'), text, { mode: 0o755 });
	const cell = ['--cell', 'kernel/selftests[ssh://board,debian:trixie,virt,get-reg-list]'];
	return await onBoard(setting, [...cell, '--qemu', 'debian:trixie', '--selftests', selftests]);
});

fault('clock of the host jumps', setting =>
	onBoard(setting, counts, async host => {
		const { stdout } = await host.run(['date', '+%s']);
		for (const days of [400, -400]) await host.run(['date', '-s', `@${Number(stdout) + days * 86_400}`]);
	}),
);

fault('ssh connection dropped', async setting =>
	onBoard(setting, counts, async () => {
		await using local = localHost();
		// The local end of the connection: the ssh started by vpmu, found by its options.
		const { stdout } = await local.run(['sh', '-c', 'grep -lF "$1" /proc/[0-9]*/environ', 'sh', setting.folder]);
		const pids = stdout.toString().match(/\d+/g) ?? [];
		for (const pid of pids) {
			const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
			if (command.trim() === 'ssh') process.kill(Number(pid), 'SIGKILL');
		}
	}),
);

fault('ssh host rebooted', async setting =>
	onBoard(setting, counts, host => host.run(['reboot', '-f'], { timeoutMs: 5000 }).catch(() => undefined)),
);

fault('board killed', async ({ run, folder }) => {
	const running = run([...counts, '--on', 'board:uniform'], { cases: null });
	await cellStarted(path.join(folder, 'run'));
	await using local = localHost();
	const { stdout } = await local.run(['sh', '-c', 'grep -lF "$1" /proc/[0-9]*/environ', 'sh', folder]);
	for (const pid of stdout.toString().match(/\d+/g) ?? []) {
		const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
		if (command.includes('virtualization=on')) process.kill(Number(pid), 'SIGKILL');
	}
	return await running;
});
