import { open, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Host } from '../host/host.ts';
import { type Cache, joinInitramfs, writeCpio } from '../image/index.ts';
import { messageOf } from '../lib/errors.ts';
import { formatDuration, poll, type WaitOptions } from '../lib/waiting/deadline.ts';
import { eitherSignal } from '../lib/waiting/either-signal.ts';
import { contention } from '../lib/waiting/fair-clock.ts';
import type { Machine } from '../qemu/machine/machine.ts';
import { connectBoard } from './connect.ts';
import { type Idleness, untilIdle } from './demand.ts';
import { BoardError } from './errors.ts';
import { readDeviceTree, writeDeviceTree } from './flattened.ts';
import { type BoardFolder, boardSpec, startLevel0 } from './level0.ts';
import { mailboxBytes } from './mailbox.ts';
import { type BoardParts, boardMemoryMiB, slownessOf } from './parts.ts';
import { setPmus } from './pmu-nodes.ts';

/** Time limit for a cold boot on a busy two-core machine, with margin. */
const bootMs = 180_000;
const migrateMs = 120_000;
/** Time limit for reaching a restored board; a board that does not answer by then is given up. */
const trialMs = 40_000;
/** An idle board wants 0 to 3 percent of a CPU. Its CPUs have stopped their ticks then, see trySnapshot. */
const settled: Idleness = { share: 0.05, looks: 8, unknown: 'idle' };
/** A board that is spoken to wants a whole CPU; one that waits for lost ticks was seen to want 0 to 46 percent. */
const deaf: Idleness = { share: 0.6, looks: 40, unknown: 'busy' };
const attempts = 4;
/** A disk with less free space counts as full for a snapshot. */
const leastSpaceBytes = 16 * 2 ** 20;

/** A board's snapshot name in the cache. */
export function snapshotName(parts: BoardParts): string {
	return `board-${parts.layout.topology.name}-${parts.layout.cpus}cpu-${parts.key}`;
}

/** Returns the path of a board's snapshot, taking it if it is missing: the board's memory, booted and with sshd running. */
export async function keepSnapshot(
	cache: Cache,
	host: Host,
	parts: BoardParts,
	makeFolder: () => Promise<BoardFolder>,
	options: WaitOptions,
): Promise<string> {
	return await cache.keep('snapshots', snapshotName(parts), async to => {
		const startedAt = performance.now();
		cache.progress({ notice: `Booting board '${parts.layout.topology.name}' once, to keep a snapshot of it` });
		for (let attempt = 1; ; attempt++) {
			{
				await using folder = await makeFolder();
				await takeSnapshot(host, parts, folder, to, options);
			}
			await using folder = await makeFolder();
			const problem = await trySnapshot(host, parts, folder, to, options);
			if (problem === undefined) break;
			if (attempt === attempts) throw problem;
			cache.progress({ notice: `The snapshot does not work (${problem.message}); taking it again` });
			await rm(to);
		}
		const took = formatDuration(performance.now() - startedAt);
		cache.progress({ notice: `Snapshot of board '${parts.layout.topology.name}' taken in ${took}` });
		return {
			label: `board ${parts.layout.topology.name}, ${parts.layout.cpus} CPUs, kernel ${parts.kernel.release}`,
			topology: parts.layout.topology.name,
			cpus: parts.layout.cpus,
			kernel: parts.kernel.release,
			qemu: parts.qemu.version,
		};
	});
}

/**
 * Checks that a snapshot works: each CPU sleeps and wakes up. A snapshot of QEMU 10.0 lacks the EL2 timer, which the
 * board's kernel uses (target/arm/machine.c saves only the EL1 timers). A CPU that was stopped while it waited for a tick
 * waits forever in every copy. A CPU that was idle with its tick stopped programs the timer again.
 */
async function trySnapshot(
	host: Host,
	parts: BoardParts,
	folder: BoardFolder,
	snapshot: string,
	{ signal }: WaitOptions,
): Promise<Error | undefined> {
	const name = `board:${parts.layout.topology.name}`;
	const limits = { signal, timeoutMs: trialMs * slownessOf(parts) * contention() };
	try {
		await using machine = await startLevel0(host, name, boardSpec(parts, folder, { snapshot }), folder, limits);
		await restoreSnapshot(machine, name, snapshot, limits);
		await unlessDeaf(machine, name, limits, async heard => {
			await using board = await connectBoard(machine, parts, folder, heard);
			const online = Array.from({ length: parts.layout.cpus }, (_, cpu) => cpu).filter(
				cpu => !parts.layout.offline.includes(cpu),
			);
			for (const cpu of online) {
				const { status } = await board.run(['taskset', '-c', String(cpu), 'sleep', '0.05'], heard);
				if (status !== 0) throw new BoardError(`CPU ${cpu} of ${name} cannot be used`, { board: name });
			}
		});
		return undefined;
	} catch (error) {
		if (signal?.aborted) throw error;
		return error as Error;
	}
}

/** Does something with a restored board, and gives up once the board idles instead. @throws BoardError */
async function unlessDeaf(
	machine: Machine,
	name: string,
	limits: WaitOptions,
	work: (limits: WaitOptions) => Promise<void>,
): Promise<void> {
	const [given, done] = [new AbortController(), new AbortController()];
	using either = eitherSignal(limits.signal, given.signal);
	using watched = eitherSignal(limits.signal, done.signal);
	const watching = untilIdle(machine.process.pid, deaf, {
		signal: watched.signal,
		timeoutMs: limits.timeoutMs,
	}).then(
		() => given.abort(new BoardError(`${name} idles instead of answering`, { board: name })),
		() => undefined,
	);
	try {
		await work({ ...limits, signal: either.signal });
	} finally {
		done.abort();
		await watching;
	}
}

async function takeSnapshot(
	host: Host,
	parts: BoardParts,
	folder: BoardFolder,
	to: string,
	{ signal }: WaitOptions,
): Promise<void> {
	const name = `board:${parts.layout.topology.name}`;
	const limits = { signal, timeoutMs: bootMs * slownessOf(parts) * contention() };
	const deviceTree = await makeDeviceTree(host, parts, folder, limits);
	const initrd = path.join(folder.path, 'initrd');
	const { keys } = parts;
	await joinInitramfs(
		[
			parts.image.path,
			writeCpio([
				{ path: 'etc/ssh/ssh_host_ed25519_key', mode: 0o600, content: keys.hostKey },
				{ path: 'root/.ssh', mode: 0o700, directory: true },
				{ path: 'root/.ssh/authorized_keys', mode: 0o600, content: keys.authorizedKeys },
				{ path: 'etc/vpmu/board.rc', content: parts.setUp },
			]),
		],
		initrd,
	);
	// A board's memory contains its keys, so keep others from reading it.
	await writeFile(to, '', { mode: 0o600 });
	const spec = boardSpec(parts, folder, { snapshot: to, boot: { initrd, deviceTree } });
	await using machine = await startLevel0(host, name, spec, folder, limits);
	try {
		await machine.orDeath('the board booted', machine.console.waitFor(/vpmu-board ready/, limits));
		// The first connection loads sshd's pages and random numbers, so restored boards already have them.
		const board = await connectBoard(machine, parts, folder, limits);
		for (const file of parts.preload) await board.provide(file, limits);
		await board[Symbol.asyncDispose]();
		// Wait until all CPUs are idle with their ticks stopped, see trySnapshot.
		await untilIdle(machine.process.pid, settled, limits);
		await machine.qmp.execute('stop');
		await leaveOutMemory(machine);
		await machine.qmp.execute('migrate', { uri: stateIn(to) });
		await migrated(machine, name, limits);
	} catch (cause) {
		if (signal?.aborted) throw cause;
		await needSpace(to);
		if (cause instanceof BoardError) throw cause;
		throw new BoardError(`${name} could not be booted: ${messageOf(cause)}`, {
			board: name,
			evidence: machine.console.lastLines(),
			cause,
		});
	}
}

/** A QEMU with file-backed memory is killed by SIGBUS when the disk has no free block for it. @throws Error code ENOSPC */
async function needSpace(file: string): Promise<void> {
	const { bavail, bsize } = await statfs(file);
	if (bavail * bsize >= leastSpaceBytes) return;
	throw Object.assign(new Error('no space left on the device'), { code: 'ENOSPC', path: file });
}

/** Loads a snapshot into a machine that waits for one, and resumes it. @throws BoardError */
export async function restoreSnapshot(
	machine: Machine,
	name: string,
	snapshot: string,
	options: WaitOptions,
): Promise<void> {
	await leaveOutMemory(machine);
	await machine.qmp.execute('migrate-incoming', { uri: stateIn(snapshot) });
	await migrated(machine, name, options);
	await machine.qmp.execute('cont');
}

/** The memory is the first part of the snapshot's file and not in the stream, so loading is just mapping. */
async function leaveOutMemory(machine: Machine): Promise<void> {
	await machine.qmp.execute('migrate-set-capabilities', {
		capabilities: [{ capability: 'x-ignore-shared', state: true }],
	});
}

/** The state of everything except memory follows it. */
function stateIn(snapshot: string): string {
	return `file:${snapshot},offset=${boardMemoryMiB * 2 ** 20}`;
}

async function migrated(machine: Machine, name: string, { signal }: WaitOptions): Promise<void> {
	await poll(
		`the memory of ${name}`,
		async () => {
			const state = (await machine.qmp.execute('query-migrate')) as { status?: string; 'error-desc'?: string };
			if (state.status === 'completed') return true;
			if (state.status === 'failed' || state.status === 'cancelled') {
				throw new BoardError(`the memory of ${name} could not be moved: ${state['error-desc'] ?? state.status}`, {
					board: name,
				});
			}
			return undefined;
		},
		{ signal, timeoutMs: migrateMs * contention(), everyMs: 20 },
	);
}

/** Builds a device tree with the layout's PMUs; `undefined` if QEMU's own tree fits. */
async function makeDeviceTree(
	host: Host,
	parts: BoardParts,
	folder: BoardFolder,
	limits: WaitOptions,
): Promise<string | undefined> {
	if (typeof parts.layout.pmus === 'string') return undefined;
	const dumped = path.join(folder.path, 'dumped.dtb');
	const { qemu, layout } = parts;
	const argv = [
		...qemu.command(qemu.root),
		...['-nodefaults', '-display', 'none', '-cpu', 'max,pauth=off', '-smp', String(layout.cpus)],
		...['-machine', `virt,virtualization=on,gic-version=3,dumpdtb=${dumped.replaceAll(',', ',,')}`],
	];
	const { status, stderr } = await host.run(argv, limits);
	if (status !== 0) {
		const evidence = stderr.toString().split('\n').filter(Boolean);
		throw new BoardError(`QEMU gave no device tree: ${evidence.at(-1)}`, { board: layout.topology.name, evidence });
	}
	const tree = readDeviceTree(await readFile(dumped));
	setPmus(tree, layout);
	const file = path.join(folder.path, 'board.dtb');
	await writeFile(file, writeDeviceTree(tree));
	return file;
}

/** Creates the folder of one board. */
export async function boardFolder(host: Host): Promise<BoardFolder> {
	const folder = await host.makeFolder({ own: true });
	const mailbox = path.join(folder.path, 'mailbox');
	await using file = await open(mailbox, 'wx', 0o600);
	await file.truncate(mailboxBytes);
	return {
		path: folder.path,
		mailbox,
		console: path.join(folder.path, 'console.log'),
		[Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
	};
}
