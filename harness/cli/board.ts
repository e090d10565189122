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
} from '../../src/board/index.ts';
import { type Cache, openCache } from '../../src/image/index.ts';
import { UsageError, VpmuError } from '../../src/lib/index.ts';
import type { CommandContext } from '../usage/context.ts';
import { unknownName } from '../usage/unknown-name.ts';
import type { Command, ParsedCommand } from './command.ts';

const actions = { up, down, list, ssh, prune };

export const command: Command = {
	name: 'board',
	summary: 'Boards: emulated aarch64 KVM hosts, by topology. One that is up stays up until it is taken down.',
	usage: 'up|down|list|ssh|prune [TOPOLOGY] [-- COMMAND…]',
	options: {
		cpus: { value: 'N', help: 'number of CPUs, where it is not to be the topology’s own (up, ssh)' },
		kernel: { value: 'KERNEL', help: "the board's kernel: debian:SUITE or a path (up, ssh)" },
		foreground: { help: 'stay with the board until interrupted, instead of leaving it up (up)' },
		json: { help: 'as JSON (list)' },
	},
	positionals: { minimum: 1, maximum: 100 },
	async run(context, parsed) {
		const [action = '', topology] = parsed.positionals;
		const chosen = Object.hasOwn(actions, action) ? actions[action as keyof typeof actions] : undefined;
		if (chosen === undefined) throw unknownName('action', action, "of 'vpmu board'", Object.keys(actions));
		if (topology !== undefined) await loadTopology(topology);
		if (action !== 'ssh' && parsed.positionals.length > 2) {
			throw new UsageError(`unexpected argument '${parsed.positionals[2]}' of 'vpmu board ${action}'`);
		}
		const cache = await openCache({
			env: context.env,
			signal: context.signal,
			onProgress: progress => {
				if ('notice' in progress) context.stderr.write(`${progress.notice}\n`);
			},
		});
		return await chosen(context, cache, parsed, topology);
	},
};

type Action = (
	context: CommandContext,
	cache: Cache,
	parsed: ParsedCommand,
	topology: string | undefined,
) => Promise<number>;

function needed(topology: string | undefined, action: string): string {
	if (topology === undefined)
		throw new UsageError(`'vpmu board ${action}' needs a topology; 'vpmu board list' has them`);
	return topology;
}

function wanted({ options }: ParsedCommand) {
	const cpus = options.cpus === undefined ? undefined : Number(options.cpus);
	if (cpus !== undefined && !Number.isInteger(cpus)) {
		throw new UsageError(`'${options.cpus}' of option '--cpus' is no whole number`);
	}
	return {
		...(cpus === undefined ? {} : { cpus }),
		...(options.kernel === undefined ? {} : { kernel: options.kernel as string }),
	};
}

const describe = (kept: KeptBoard) =>
	`board ${kept.topology} is up: ${kept.cpus} CPUs, Linux ${kept.kernel}, since ${kept.since}, keeper ${kept.keeperPid}`;

async function up(...[context, cache, parsed, given]: Parameters<Action>): Promise<number> {
	const topology = needed(given, 'up');
	const present = await findKeptBoard(cache, topology);
	if (present !== undefined) {
		context.stdout.write(`${describe(present)}\n`);
		return 0;
	}
	if (parsed.options.foreground === true) {
		const terminated = new AbortController();
		const onTerminate = () => terminated.abort();
		process.once('SIGTERM', onTerminate);
		try {
			const signal = AbortSignal.any([context.signal, terminated.signal]);
			await keepBoardUp({ cache, topology, signal, ...wanted(parsed) }, kept =>
				context.stdout.write(`${describe(kept)}\n`),
			);
		} finally {
			process.off('SIGTERM', onTerminate);
		}
		return 0;
	}
	const kept = await startKeeper(context, cache, parsed, topology);
	context.stdout.write(`${describe(kept)}\n`);
	return 0;
}

/** Starts this very command again as a process of its own that stays with the board, and waits until the board is up. */
async function startKeeper(
	context: CommandContext,
	cache: Cache,
	{ options }: ParsedCommand,
	topology: string,
): Promise<KeptBoard> {
	const folder = path.join(cache.root, 'boards');
	await mkdir(folder, { recursive: true });
	const logFile = path.join(folder, `${topology}.log`);
	await using log = await open(logFile, 'w', 0o600);
	const more = ['cpus', 'kernel'].flatMap(name =>
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

async function down(...[context, cache, , topology]: Parameters<Action>): Promise<number> {
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

async function list(...[context, cache, parsed]: Parameters<Action>): Promise<number> {
	const [kept, snapshots] = await Promise.all([listKeptBoards(cache), listSnapshots(cache)]);
	const rows = await Promise.all(
		(await listTopologies()).map(async name => {
			const { summary, cpus } = await loadTopology(name);
			const own = snapshots.filter(snapshot => snapshot.topology === name);
			const up = kept.find(board => board.topology === name) ?? null;
			return { name, summary, cpus, up, snapshots: own };
		}),
	);
	if (parsed.options.json === true) {
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

/** A shell or a command on the board that is up, else on one that is started for this and goes with it. */
async function ssh(...[context, cache, parsed, given]: Parameters<Action>): Promise<number> {
	const topology = needed(given, 'ssh');
	const words = parsed.positionals.slice(2);
	const kept = await findKeptBoard(cache, topology);
	if (kept !== undefined) return await runSsh(context, kept.sshArguments, words);
	await using board = await startBoard({ cache, topology, signal: context.signal, ...wanted(parsed) });
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

async function prune(...[context, cache, , topology]: Parameters<Action>): Promise<number> {
	const snapshots = (await listSnapshots(cache)).filter(one => topology === undefined || one.topology === topology);
	await removeSnapshots(cache, snapshots);
	const size = snapshots.reduce((sum, snapshot) => sum + snapshot.diskBytes, 0);
	context.stdout.write(`removed ${snapshots.length} snapshots, ${Math.round(size / 1e6)} MB\n`);
	return 0;
}
