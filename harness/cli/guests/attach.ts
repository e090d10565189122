import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { TerminalClient } from '../../../src/guest/index.ts';
import { harmless, UsageError, VpmuError } from '../../../src/lib/index.ts';
import { attachHelp, attachTerminal } from '../../../src/qemu/index.ts';
import { cellFolder } from '../../../src/run/index.ts';
import { liveCells, openSocketFolder } from '../../protocol/live.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { runFolder } from '../../usage/run-folder.ts';
import { unknownName } from '../../usage/unknown-name.ts';

/** Encodes input and output for the socket; unchanged by default. */
interface Carrier {
	send(typed: Uint8Array): Uint8Array;
	receive(bytes: Uint8Array): Uint8Array;
}

const plain: Carrier = { send: typed => typed, receive: bytes => bytes };

/** Connects the user's terminal to a socket until either ends. @returns the exit status */
export async function attachSocket(
	{ stdin, stdout, stderr, signal }: CommandContext,
	socket: Socket,
	carrier: Carrier = plain,
): Promise<number> {
	if (stdin.isTTY === true) stderr.write(`${attachHelp}\n`);
	const closed = new Promise<void>(resolve => socket.once('close', () => resolve()));
	const console = {
		closed,
		write: async (bytes: Uint8Array | string) => void socket.write(carrier.send(Buffer.from(bytes))),
		onBytes: (listener: (bytes: Buffer) => void): Disposable => {
			const onData = (bytes: Buffer) => listener(Buffer.from(carrier.receive(bytes)));
			socket.on('data', onData);
			return { [Symbol.dispose]: () => void socket.off('data', onData) };
		},
	};
	const how = await attachTerminal({ console, stdin, stdout: stdout.raw, signal });
	socket.destroy();
	return how === 'aborted' ? exitCodes.interrupted : exitCodes.asPredicted;
}

/**
 * Attaches the user to the guest of a running cell, with a terminal of their own; the console belongs to the cell.
 *
 * @param cell the cell's id, or a part of it that only one running cell has
 * @param run the run folder; default: the newest one here that has running cells
 */
export async function attachCell(context: CommandContext, cell: string, run: string | undefined): Promise<number> {
	const { cwd, stdout } = context;
	const folder = run === undefined ? await newestLiveRun(path.join(cwd, 'vpmu-runs')) : runFolder(run, cwd);
	const names = folder === undefined ? [] : await liveCells(folder);
	if (names.length === 0) {
		const where = run === undefined ? "a run of 'vpmu-runs'" : `'${run}'`;
		throw new UsageError(`no cell of ${where} has a guest with a shell now; use --run DIR for a run elsewhere`);
	}
	const wanted = path.basename(cellFolder(cell));
	const found = names.includes(wanted) ? [wanted] : names.filter(name => name.includes(wanted));
	if (found.length !== 1) {
		if (found.length > 1) throw new UsageError(`'${cell}' of --cell matches several cells: ${found.join(', ')}`);
		throw unknownName('running cell', cell, "of 'vpmu shell'", names);
	}
	const opened = await openSocketFolder(path.join(folder!, 'cells', found[0]!));
	await using _ = opened.folder;
	const socket = harmless(connect(opened.socket));
	await once(socket, 'connect').catch(cause => {
		throw new VpmuError(`the cell ${found[0]} is no longer running: ${cause.message}`, { blame: 'harness', cause });
	});
	const client = new TerminalClient();
	const resized = () => {
		const { columns, rows } = stdout;
		if (columns !== undefined && rows !== undefined) socket.write(client.windowSize(columns, rows));
	};
	resized();
	stdout.raw.on('resize', resized);
	try {
		return await attachSocket(context, socket, client);
	} finally {
		stdout.raw.off('resize', resized);
	}
}

async function newestLiveRun(runs: string): Promise<string | undefined> {
	const names = await readdir(runs).catch(() => []);
	const dated = await Promise.all(
		names.map(async name => ({ folder: path.join(runs, name), at: (await stat(path.join(runs, name))).mtimeMs })),
	);
	for (const { folder } of dated.sort((a, b) => b.at - a.at)) {
		if ((await liveCells(folder)).length > 0) return folder;
	}
	return undefined;
}
