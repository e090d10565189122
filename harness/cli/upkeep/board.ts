import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
	findKeptBoard,
	type KeptBoard,
	keepBoardUp,
	listKeptBoards,
	listSnapshots,
	listTopologies,
	loadTopology,
	removeSnapshots,
	startBoard,
	takeDown,
} from '../../../src/board/index.ts';
import { type Cache, openCache, type Progress } from '../../../src/image/index.ts';
import { UsageError, VpmuError } from '../../../src/lib/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Given } from '../command.ts';
import type { boardListOptions, boardSshOptions, boardUpOptions } from './options.ts';

/** The topology that an action names, if it names one. @throws UsageError for an unknown one */
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
	const cache = await cacheFor(context);
	const present = await findKeptBoard(cache, topology);
	if (present !== undefined) {
		context.stdout.write(`${describe(present)}\n`);
		return 0;
	}
	if (options.foreground) {
		const terminated = new AbortController();
		const onTerminate = () => terminated.abort();
		process.once('SIGTERM', onTerminate);
		try {
			const signal = AbortSignal.any([context.signal, terminated.signal]);
			await keepBoardUp({ cache, topology, signal, ...wanted(options) }, kept =>
				context.stdout.write(`${describe(kept)}\n`),
			);
		} finally {
			process.off('SIGTERM', onTerminate);
		}
		return 0;
	}
	const kept = await startKeeper(context, cache, options, topology);
	context.stdout.write(`${describe(kept)}\n`);
	return 0;
}

/** Starts this very command again as a process of its own that stays with the board, and waits until the board is up. */
async function startKeeper(
	context: CommandContext,
	cache: Cache,
	options: Given<typeof boardSshOptions>['options'],
	topology: string,
): Promise<KeptBoard> {
	const folder = path.join(cache.root, 'boards');
	await mkdir(folder, { recursive: true });
	const logFile = path.join(folder, `${topology}.log`);
	await using log = await open(logFile, 'w', 0o600);
	const more = (['cpus', 'kernel'] as const).flatMap(name =>
		options[name] === undefined ? [] : [`--${name}`, String(options[name])],
	);
	const argv = [...process.execArgv, process.argv[1]!, 'board', 'up', topology, '--foreground', ...more];
	const keeper = spawn(process.execPath, argv, {
		cwd: context.cwd,
		env: context.env as NodeJS.ProcessEnv,
		stdio: ['ignore', log.fd, log.fd],
		detached: true,
	});
	const ended = once(keeper, 'exit');
	const stop = () => void keeper.kill('SIGTERM');
	context.signal.addEventListener('abort', stop, { once: true });
	try {
		for (;;) {
			const kept = await findKeptBoard(cache, topology);
			if (kept !== undefined) {
				keeper.unref();
				return kept;
			}
			if ((await Promise.race([ended, delay(200)])) === undefined) continue;
			context.signal.throwIfAborted();
			const evidence = (await readFile(logFile, 'utf8')).split('\n').filter(Boolean).slice(-20);
			throw new VpmuError(`board ${topology} did not come up: ${evidence.at(-1) ?? 'its keeper said nothing'}`, {
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
	const all = await listKeptBoards(cache);
	const chosen = all.filter(kept => topology === undefined || kept.topology === topology);
	for (const kept of chosen) {
		await takeDown(kept, { signal: context.signal });
		context.stdout.write(`board ${kept.topology} is down\n`);
	}
	if (chosen.length === 0) {
		context.stdout.write(topology === undefined ? 'no board is up\n' : `board ${topology} is not up\n`);
	}
	return 0;
}

/** `vpmu board list`. */
export async function list(
	context: CommandContext,
	{ options, positionals }: Given<typeof boardListOptions>,
): Promise<number> {
	await named(positionals);
	const cache = await cacheFor(context);
	const [kept, snapshots] = await Promise.all([listKeptBoards(cache), listSnapshots(cache)]);
	const rows = await Promise.all(
		(await listTopologies()).map(async name => {
			const { summary, cpus } = await loadTopology(name);
			const own = snapshots.filter(snapshot => snapshot.topology === name);
			const up = kept.find(board => board.topology === name) ?? null;
			return { name, summary, cpus, up, snapshots: own };
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
			row.up === null ? '' : `up since ${row.up.since}`,
			row.snapshots.length === 0
				? ''
				: `${row.snapshots.length} snapshot${row.snapshots.length === 1 ? '' : 's'}, ${Math.round(size / 1e6)} MB`,
		].filter(Boolean);
		context.stdout.write(
			`${row.name.padEnd(width)}  ${row.cpus} CPUs  ${row.summary}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}\n`,
		);
	}
	return 0;
}

/** `vpmu board ssh`: a shell or a command on the board that is up, else on one that is started for this and goes with it. */
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
