import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Host } from '../host/host.ts';
import {
	buildImage,
	builtKernels,
	type Cache,
	debianQemu,
	hostArchitecture,
	type Image,
	type Kernel,
	loadRecipe,
	namedKernel,
	type ProgramRoot,
	requireUsable,
	slownessOfKernel,
} from '../image/index.ts';
import { type BoardKeys, boardKeys } from './keys.ts';
import type { Layout } from './topology.ts';

/**
 * The suite whose QEMU emulates boards: the newest stable one. It must be 9.0 or newer, which maps a read-only file as private memory.
 */
const emulatorSuite = 'trixie';
/** The suite whose kernel boards run by default. */
const kernelSuite = 'trixie';

/** Increase it when boards are set up differently, so that old snapshots are not reused. */
const layoutVersion = 5;

export const boardMemoryMiB = 3072;

/** Everything that a board is made of. */
export interface BoardParts {
	readonly layout: Layout;
	readonly qemu: ProgramRoot;
	readonly kernel: Kernel;
	readonly image: Image;
	readonly keys: BoardKeys;
	/** Local files and folders that are already in the snapshot; their names identify their content. */
	readonly preload: readonly string[];
	/** A script that runs before sshd starts. */
	readonly setUp: string;
	/** Changes with any of the above. */
	readonly key: string;
}

/** What every board is made of, whatever its topology. */
export type BoardFiles = Pick<BoardParts, 'qemu' | 'kernel' | 'image'>;

/** How much longer a board may take than one whose kernel does not look for its own defects. */
export const slownessOf = ({ kernel }: Pick<BoardParts, 'kernel'>): number => slownessOfKernel(kernel.config);

/** Provides the emulator, the kernel and the image of boards. @throws VpmuError, UsageError */
export async function boardFiles(cache: Cache, kernelName?: string): Promise<BoardFiles> {
	const [qemu, kernel, recipe] = await Promise.all([
		debianQemu(cache, emulatorSuite, hostArchitecture()),
		chosenKernel(cache, kernelName),
		loadRecipe('board'),
	]);
	requireUsable(kernel, 'board');
	return { qemu, kernel, image: await buildImage(cache, recipe, { kernel }) };
}

/** Collects a board's parts from the cache, and makes missing ones. @throws VpmuError, UsageError */
export async function boardParts(
	cache: Cache,
	host: Host,
	layout: Layout,
	kernelName?: string,
	preload: readonly string[] = [],
): Promise<BoardParts> {
	const [{ qemu, kernel, image }, keys] = await Promise.all([boardFiles(cache, kernelName), boardKeys(cache, host)]);
	const setUp = setUpScript(layout);
	const names = preload.map(file => path.basename(file)).sort();
	const parts = [layoutVersion, ...names, qemu.packageVersion, qemu.architecture, kernel.hash, image.hash, keys.hash];
	const key = createHash('sha256')
		.update(JSON.stringify([...parts, boardMemoryMiB, setUp, layout.cpus, layout.pmus, layout.offline]))
		.digest('hex')
		.slice(0, 16);
	return { layout, qemu, kernel, image, keys, preload, setUp, key };
}

/** A kernel as users specify it: `debian:SUITE`, a bare suite, `small`, `debug`, or a path. */
function chosenKernel(cache: Cache, name = kernelSuite): Promise<Kernel> {
	const isNamed = name.startsWith('debian:') || name.includes('/') || builtKernels.includes(name);
	return namedKernel(cache, isNamed ? name : `debian:${name}`);
}

/** sshd daemonises before it listens. 0016 is port 22, 0A the state LISTEN. */
const untilListening =
	"tries=0; until grep -q ':0016 .* 0A ' /proc/net/tcp || [ $tries = 400 ]; do sleep 0.05; tries=$((tries + 1)); done";

/** Sourced by the image's first process. */
function setUpScript(layout: Layout): string {
	const offline = layout.offline.map(cpu => `echo 0 >/sys/devices/system/cpu/cpu${cpu}/online`);
	return [...offline, '/usr/sbin/sshd -o MaxSessions=1000 -o MaxStartups=1000', untilListening, ''].join('\n');
}
