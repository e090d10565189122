import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
	findKeptBoard,
	type KeptBoard,
	type KeptState,
	keepBoardUp,
	keptState,
	keptStates,
	listSnapshots,
	listTopologies,
	loadTopology,
	removeSnapshots,
	startBoard,
	takeDown,
} from '../../../src/board/index.ts';
import { type Cache, openCache, type Progress } from '../../../src/image/index.ts';
import { counted, eitherSignal, makeFolder, UsageError, VpmuError } from '../../../src/lib/index.ts';
import { abandoned, handOver, handoverVariable } from '../../run/kept/handover.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import type { boardListOptions, boardSshOptions, boardUpOptions } from './options.ts';

/** Returns the topology that an action names, if any. @throws UsageError for an unknown one */
async function named([topology]: readonly string[]): Promise<string | undefined> {
	if (topology !== undefined) await loadTopology(topology);
	return topology;
}

async function needed(positionals: readonly string[], action: string): Promise<string> {
	const topology = await named(positionals);
	if (topology === undefined) {
		throw new UsageError(`'vpmu board ${action}' needs a topology; 'vpmu board list' lists them`);
	}
	return topology;
}

function cacheFor({ env, signal, stderr }: CommandContext): Promise<Cache> {
	const onProgress = (progress: Progress) => {
		if ('notice' in progress) stderr.write(`${progress.notice}\n`);
	};
	return openCache({ env, signal, onProgress });
}

function wanted({ cpus, kernel }: Given<typeof boardSshOptions>['options']) {
	return { ...(cpus === undefined ? {} : { cpus }), ...(kernel === undefined ? {} : { kernel }) };
}

const describe = (kept: KeptBoard) =>
	`board ${kept.topology} is up: ${kept.cpus} CPUs, Linux ${kept.kernel}, since ${kept.since}, keeper ${kept.keeperPid}`;

/** `vpmu board up`. */
export async function up(
	context: CommandContext,
	{ options, positionals }: Given<typeof boardUpOptions>,
): Promise<number> {
	const topology = await needed(positionals, 'up');
	// The keeper ends with the process that started it until the handover.
	const { signal } = eitherSignal(context.signal, abandoned(context));
	const cache = await cacheFor({ ...context, signal });
	const kept = options.foreground
		? await findKeptBoard(cache, topology)
		: await letUp(context, cache, options, topology);
	if (kept !== undefined) {
		context.stdout.write(`${describe(kept)}\n`);
		return 0;
	}
	try {
		await keepBoardUp({ cache, topology, signal, ...wanted(options) }, board =>
			context.stdout.write(`${describe(board)}\n`),
		);
		return 0;
	} catch (error) {
		if (signal.aborted) return exitCodes.interrupted;
		throw error;
	}
}

/**
 * Waits until the board of a topology is up. If no process is starting it, starts this command again as a separate
 * process, the board's keeper, which stays with it. The keeper ends if this process ends first.
 */
async function letUp(
	context: CommandContext,
	cache: Cache,
	options: Given<typeof boardSshOptions>['options'],
	topology: string,
): Promise<KeptBoard> {
	const folder = path.join(cache.root, 'boards');
	await makeFolder(folder, { mode: 0o700 });
	const logFile = path.join(folder, `${topology}.log`);
	const more = (['cpus', 'kernel'] as const).flatMap(name =>
		options[name] === undefined ? [] : [`--${name}`, String(options[name])],
	);
	let from = 0;
	const start = async () => {
		// Another keeper may write to it too.
		await using log = await open(logFile, 'a', 0o600);
		from = (await log.stat()).size;
		const keeper = spawn(
			process.execPath,
			[...process.execArgv, process.argv[1]!, 'board', 'up', topology, '--foreground', ...more],
			{
				cwd: context.cwd,
				env: { ...context.env, [handoverVariable]: '1' } as NodeJS.ProcessEnv,
				stdio: ['pipe', log.fd, log.fd],
				detached: true,
			},
		);
		return { keeper, ended: once(keeper, 'exit') as Promise<[number | null]> };
	};
	let own: Awaited<ReturnType<typeof start>> | undefined;
	const stop = () => void own?.keeper.kill('SIGTERM');
	context.signal.addEventListener('abort', stop, { once: true });
	try {
		for (;;) {
			const kept = await keptState(cache, topology);
			if (kept.state === 'up') {
				if (own !== undefined) await handOver(own.keeper);
				return kept.board;
			}
			if (kept.state === 'damaged') {
				throw new VpmuError(
					`board ${topology} is up, but its keeper's record cannot be read (${kept.problem}); 'vpmu board down ${topology}' ends it`,
					{ blame: 'host' },
				);
			}
			if (own === undefined && kept.state === 'down') own = await start();
			const end = await Promise.race([own?.ended, delay(200)].filter(one => one !== undefined));
			context.signal.throwIfAborted();
			if (end === undefined) continue;
			own = undefined;
			// Another process was a moment faster: wait for the board that it starts.
			if (end[0] === exitCodes.lockBusy) continue;
			const evidence = (await readFile(logFile)).toString('utf8', from).split('\n').filter(Boolean).slice(-20);
			throw new VpmuError(`board ${topology} did not come up: ${evidence.at(-1) ?? 'its keeper printed nothing'}`, {
				blame: 'board',
				evidence,
			});
		}
	} finally {
		context.signal.removeEventListener('abort', stop);
	}
}

/** `vpmu board down`. */
export async function down(context: CommandContext, { positionals }: Given): Promise<number> {
	const topology = await named(positionals);
	const cache = await cacheFor(context);
	const all = (await keptStates(cache)).filter(([name]) => topology === undefined || name === topology);
	for (const [name, kept] of all) {
		if (kept.state === 'down') continue;
		await takeDown(kept.state === 'up' ? kept.board : kept.keeper, { signal: context.signal });
		context.stdout.write(`board ${name} is down\n`);
	}
	if (all.length === 0) {
		context.stdout.write(topology === undefined ? 'no board is up\n' : `board ${topology} is not up\n`);
	}
	return 0;
}

/** Describes the state of a board that has a keeper. */
function noteOf(kept: KeptState): string {
	if (kept.state === 'up') return `up since ${kept.board.since}`;
	if (kept.state === 'starting') return `being started by process ${kept.keeper.keeperPid}`;
	return kept.state === 'down' ? '' : `kept by process ${kept.keeper.keeperPid}, but ${kept.problem}`;
}

/** `vpmu board list`. */
export async function list(
	context: CommandContext,
	{ options, positionals }: Given<typeof boardListOptions>,
): Promise<number> {
	await named(positionals);
	const cache = await cacheFor(context);
	const [states, snapshots] = await Promise.all([keptStates(cache), listSnapshots(cache)]);
	const kept = new Map(states);
	const rows = await Promise.all(
		(await listTopologies()).map(async name => {
			const { summary, cpus } = await loadTopology(name);
			const own = snapshots.filter(snapshot => snapshot.topology === name);
			const state = kept.get(name) ?? { state: 'down' };
			const up = state.state === 'up' ? state.board : null;
			return { name, summary, cpus, up, note: noteOf(state), snapshots: own };
		}),
	);
	if (options.json) {
		context.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
		return 0;
	}
	const width = Math.max(...rows.map(row => row.name.length));
	for (const row of rows) {
		const size = row.snapshots.reduce((sum, snapshot) => sum + snapshot.diskBytes, 0);
		const notes = [
			row.note,
			row.snapshots.length === 0 ? '' : `${counted(row.snapshots.length, 'snapshot')}, ${Math.round(size / 1e6)} MB`,
		].filter(Boolean);
		context.stdout.write(
			`${row.name.padEnd(width)}  ${row.cpus} CPUs  ${row.summary}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}\n`,
		);
	}
	return 0;
}

/** `vpmu board ssh`: opens a shell or runs a command on the running board, or on one started for this command only. */
export async function ssh(
	context: CommandContext,
	{ options, positionals }: Given<typeof boardSshOptions>,
): Promise<number> {
	const topology = await needed(positionals, 'ssh');
	const words = positionals.slice(1);
	const cache = await cacheFor(context);
	const kept = await findKeptBoard(cache, topology);
	if (kept !== undefined) return await runSsh(context, kept.sshArguments, words);
	await using board = await startBoard({ cache, topology, signal: context.signal, ...wanted(options) });
	return await runSsh(context, board.sshArguments, words);
}

async function runSsh(
	context: CommandContext,
	sshArguments: readonly string[],
	words: readonly string[],
): Promise<number> {
	const terminal = context.stdin.isTTY === true && words.length === 0 ? ['-t'] : [];
	const child = spawn('ssh', [...terminal, ...sshArguments, ...words], { stdio: 'inherit' });
	const [status] = (await once(child, 'exit')) as [number | null];
	return status ?? 69;
}

/** `vpmu board prune`. */
export async function prune(context: CommandContext, { positionals }: Given): Promise<number> {
	const topology = await named(positionals);
	const cache = await cacheFor(context);
	const snapshots = (await listSnapshots(cache)).filter(one => topology === undefined || one.topology === topology);
	await removeSnapshots(cache, snapshots);
	const size = snapshots.reduce((sum, snapshot) => sum + snapshot.diskBytes, 0);
	context.stdout.write(`removed ${snapshots.length} snapshots, ${Math.round(size / 1e6)} MB\n`);
	return 0;
}
