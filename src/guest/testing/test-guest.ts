import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
	type CpioEntry,
	debianKernel,
	debianProgram,
	debianQemu,
	hostArchitecture,
	openCache,
	writeCpio,
} from '../../image/index.ts';

const toolsFolder = path.resolve(import.meta.dirname, '../../../images/tools/bin/aarch64');

let parts: Promise<{ qemu: readonly string[]; kernel: string; busybox: string }> | undefined;

/** Debian's QEMU, kernel and busybox, from the cache. */
async function findParts() {
	const cache = await openCache();
	const [qemu, kernel, busybox] = [
		await debianQemu(cache, 'trixie', hostArchitecture()),
		await debianKernel(cache, 'trixie'),
		await debianProgram(cache, {
			suite: 'trixie',
			architecture: 'arm64',
			packages: ['busybox-static'],
			program: '/usr/bin/busybox',
		}),
	];
	return { qemu: qemu.command(qemu.root), kernel: kernel.image, busybox: path.join(busybox.root, 'bin/busybox') };
}

export interface TestGuest extends AsyncDisposable {
	/** The console's socket. */
	readonly socket: Socket;
	readonly port: Socket | undefined;
	readonly spawnedAt: number;
	readonly pid: number;
}

const applets =
	'sh ls cat echo grep mount mkdir mv rm chmod sleep dd od base64 cksum sha256sum stty kill ps wc head seq true false env pwd printf reset dmesg yes tr test reboot poweroff sync'.split(
		' ',
	);

const plainInit = `#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
`;

/** Boots Debian's kernel with busybox under TCG. `init` holds the lines of the init script after the usual mounts. */
export async function startTestGuest(options: {
	readonly init: string;
	readonly append?: string;
	readonly files?: readonly CpioEntry[];
	readonly memoryMiB?: number;
	readonly extra?: readonly string[];
	readonly port?: boolean;
}): Promise<TestGuest> {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-guest-'));
	const initrd = path.join(folder, 'initrd');
	parts ??= findParts();
	const { qemu, kernel, busybox } = await parts;
	const program = async (name: string, file: string) => ({ path: name, mode: 0o755, content: await readFile(file) });
	await writeFile(
		initrd,
		writeCpio([
			...['bin', 'dev', 'proc', 'sys', 'tmp', 'vpmu', 'root'].map(name => ({ path: name, directory: true as const })),
			{ path: 'dev/console', device: ['c', 5, 1] },
			await program('bin/busybox', busybox),
			...applets.map(name => ({ path: `bin/${name}`, symlink: 'busybox' })),
			...(await Promise.all(['agent', 'workload'].map(name => program(`vpmu/${name}`, path.join(toolsFolder, name))))),
			{ path: 'init', mode: 0o755, content: plainInit + options.init },
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
		qemu[0]!,
		[
			...qemu.slice(1),
			...['-M', 'virt,gic-version=3,its=off', '-accel', 'tcg', '-cpu', 'cortex-a72', '-smp', '2', '-nodefaults'],
			...['-m', `${options.memoryMiB ?? 256}`, '-display', 'none', '-no-reboot'],
			...['-kernel', kernel, '-initrd', initrd, '-append', `console=ttyAMA0 panic=-1 ${options.append ?? ''}`],
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
	// No guest may outlive its test.
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
