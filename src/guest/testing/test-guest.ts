import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type NewcEntry, newc } from './newc.ts';

/** What a real test guest is made of; the environment names it (see {@link missingForTestGuest}). */
const parts = {
	qemu: process.env.VPMU_TEST_QEMU ?? '/var/tmp/guest/qemu.sh',
	kernel: process.env.VPMU_TEST_KERNEL ?? '',
	busybox: process.env.VPMU_TEST_BUSYBOX ?? '',
};

export const toolsFolder = path.resolve(import.meta.dirname, '../../../images/tools/bin/aarch64');

/** Why no real guest can be started here, `undefined` when it can. */
export function missingForTestGuest(): string | undefined {
	for (const [name, file] of Object.entries(parts))
		if (!existsSync(file)) return `VPMU_TEST_${name.toUpperCase()} does not name a file (${file || 'unset'})`;
	return undefined;
}

export interface TestGuest extends AsyncDisposable {
	/** The console's socket. */
	readonly socket: Socket;
	readonly port: Socket | undefined;
	readonly spawnedAt: number;
	readonly pid: number;
}

const applets =
	'sh ls cat echo mount mkdir mv rm chmod sleep dd od base64 cksum sha256sum stty kill ps wc head seq true false env pwd printf reset dmesg yes tr test reboot poweroff sync'.split(
		' ',
	);

const plainInit = `#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
`;

/** Boots Debian's kernel with busybox under TCG. `init` is a script's lines after the usual mounts. */
export async function startTestGuest(options: {
	readonly init: string;
	readonly append?: string;
	readonly files?: readonly NewcEntry[];
	readonly memoryMiB?: number;
	readonly extra?: readonly string[];
	readonly port?: boolean;
	readonly qemu?: string;
}): Promise<TestGuest> {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-guest-'));
	const initrd = path.join(folder, 'initrd');
	const tools = ['agent', 'workload'].filter(name => existsSync(path.join(toolsFolder, name)));
	await writeFile(
		initrd,
		newc([
			...['bin', 'dev', 'proc', 'sys', 'tmp', 'vpmu', 'root'].map(name => ({ path: name, mode: 0o40755 })),
			{ path: 'dev/console', mode: 0o20600, device: [5, 1] },
			{ path: 'bin/busybox', mode: 0o100755, content: await readFile(parts.busybox) },
			...applets.map(name => ({ path: `bin/${name}`, mode: 0o120777, content: Buffer.from('busybox') })),
			...(await Promise.all(
				tools.map(async name => ({
					path: `vpmu/${name}`,
					mode: 0o100755,
					content: await readFile(path.join(toolsFolder, name)),
				})),
			)),
			{ path: 'init', mode: 0o100755, content: Buffer.from(plainInit + options.init) },
			...(options.files ?? []),
		]),
	);
	const listen = async (name: string) => {
		const server = createServer();
		const connected = new Promise<Socket>(resolve => server.once('connection', resolve));
		await new Promise<void>(resolve => server.listen(path.join(folder, name), resolve));
		return { server, connected, path: path.join(folder, name) };
	};
	const serial = await listen('serial');
	const port = options.port === true ? await listen('port') : undefined;
	const spawnedAt = performance.now();
	const child = spawn(
		options.qemu ?? parts.qemu,
		[
			...['-M', 'virt,gic-version=3,its=off', '-accel', 'tcg', '-cpu', 'cortex-a72', '-smp', '2', '-nodefaults'],
			...['-m', `${options.memoryMiB ?? 256}`, '-display', 'none', '-no-reboot'],
			...['-kernel', parts.kernel, '-initrd', initrd, '-append', `console=ttyAMA0 panic=-1 ${options.append ?? ''}`],
			...['-chardev', `socket,id=serial,path=${serial.path}`, '-serial', 'chardev:serial'],
			...(port === undefined
				? []
				: [
						...['-device', 'virtio-serial-device', '-chardev', `socket,id=port,path=${port.path}`],
						...['-device', 'virtserialport,chardev=port,name=vpmu'],
					]),
			...(options.extra ?? []),
		],
		{ stdio: ['ignore', 'inherit', 'inherit'] },
	);
	const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
	// No guest of a test outlives this.
	const lifetime = setTimeout(() => child.kill('SIGKILL'), 550_000);
	const dispose = async () => {
		child.kill('SIGKILL');
		await exited;
		clearTimeout(lifetime);
		serial.server.close();
		port?.server.close();
		await rm(folder, { recursive: true, force: true });
	};
	const early = exited.then(() => Promise.reject(new Error('QEMU ended before it connected its console')));
	try {
		return {
			socket: await Promise.race([serial.connected, early]),
			port: port === undefined ? undefined : await Promise.race([port.connected, early]),
			spawnedAt,
			pid: child.pid!,
			[Symbol.asyncDispose]: dispose,
		};
	} catch (error) {
		await dispose();
		throw error;
	} finally {
		early.catch(() => undefined);
	}
}
