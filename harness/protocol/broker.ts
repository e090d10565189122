import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
	type Blame,
	contention,
	linesOf,
	listen,
	messageOf,
	parseJson,
	stringifyJson,
	VpmuError,
} from '../../src/lib/index.ts';
import type { RunEvent } from '../../src/run/index.ts';
import type { KeptSockets } from '../protocol/lease.ts';
import type { LeaseData } from './lease.ts';

/**
 * What a cell's worker gets from its run. AVA runs every case file in a process of its own. Hosts, boards, slots and
 * the run folder belong to the run's process, which brokers them over a Unix socket.
 */
export interface Broker extends AsyncDisposable {
	/**
	 * Waits for a slot and for everything that a cell needs on its host. Dispose of the lease to free the slot. A cell
	 * is identified by its id; the run knows the rest from its plan.
	 */
	acquire(cell: string, signal?: AbortSignal): Promise<LeaseData & AsyncDisposable>;
	/** Waits until no other process counts on the cell's host. Dispose of the result after counting. */
	countAlone(cell: string, signal?: AbortSignal): Promise<AsyncDisposable>;
	/** Reports that a cell's machine stays, and where it is reached, until the run ends. */
	kept(cell: string, sockets: KeptSockets): void;
	/** Reports which processes and threads of the host belong to a cell. */
	processes(cell: string, pids: readonly number[]): void;
	/** Returns the processes of the cells that ran on the same host at the same time. */
	othersProcesses(cell: string): Promise<readonly number[]>;
	/** Adds an event to the run. */
	emit(event: EventBody): void;
}

/** An event without its time, which is added by the owner of the run folder. */
export type EventBody = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at'> : never) : never;

type Request =
	| { readonly type: 'hello'; readonly pid: number }
	| { readonly type: 'acquire'; readonly number: number; readonly cell: string }
	| { readonly type: 'count'; readonly number: number; readonly cell: string }
	| { readonly type: 'processes'; readonly cell: string; readonly pids: readonly number[] }
	| { readonly type: 'others'; readonly number: number; readonly cell: string }
	| { readonly type: 'release'; readonly number: number }
	| { readonly type: 'kept'; readonly cell: string; readonly sockets: KeptSockets }
	| { readonly type: 'event'; readonly event: EventBody };

type Reply = { readonly number: number } & (
	| { readonly lease: LeaseData }
	| { readonly granted: true }
	| { readonly pids: readonly number[] }
	| { readonly error: { message: string; blame: Blame; evidence: readonly string[] } }
);

/** The serving side of a broker. */
export interface BrokerServer extends AsyncDisposable {
	/** Kills the worker that has a cell, which loses all its cells. Returns `false` if no worker has it. */
	killWorkerOf(cell: string): boolean;
}

/** Serves a broker on a Unix socket for the workers of one run. A worker that dies gives back what it held. */
export async function serveBroker(broker: Broker, socketPath: string): Promise<BrokerServer> {
	const sockets = new Set<Socket>();
	/** Process ids of the workers that have cells. Their sockets are open, so the ids have not been reused. */
	const workers = new Map<string, number>();
	const server: Server = createServer(socket => {
		sockets.add(socket);
		const gone = new AbortController();
		const held = new Map<number, Promise<AsyncDisposable | undefined>>();
		let pid: number | undefined;
		const answer = (reply: Reply) => socket.writable && socket.write(`${stringifyJson(reply as never)}\n`);

		const serve = async (number: number, work: () => Promise<[AsyncDisposable, Reply]>) => {
			try {
				const [owned, reply] = await work();
				answer(reply);
				return owned;
			} catch (error) {
				const known = error instanceof VpmuError;
				answer({
					number,
					error: {
						message: messageOf(error),
						blame: known ? error.blame : 'harness',
						evidence: known ? error.evidence : [String((error as Error).stack)],
					},
				});
				return undefined;
			}
		};
		const acquire = async (number: number, cell: string): Promise<[AsyncDisposable, Reply]> => {
			const lease = await broker.acquire(cell, gone.signal);
			if (pid !== undefined) workers.set(cell, pid);
			const owned = {
				async [Symbol.asyncDispose]() {
					workers.delete(cell);
					await lease[Symbol.asyncDispose]();
				},
			};
			return [owned, { number, lease }];
		};
		const count = async (number: number, cell: string): Promise<[AsyncDisposable, Reply]> => {
			return [await broker.countAlone(cell, gone.signal), { number, granted: true }];
		};

		linesOf(socket).on('line', line => {
			const request = readRequest(line);
			if (request === undefined) return;
			if (request.type === 'event') broker.emit(request.event);
			else if (request.type === 'hello') pid = request.pid;
			else if (request.type === 'kept') broker.kept(request.cell, request.sockets);
			else if (request.type === 'processes') broker.processes(request.cell, request.pids);
			else if (request.type === 'others') {
				const { number, cell } = request;
				void broker.othersProcesses(cell).then(pids => answer({ number, pids }));
			} else if (request.type === 'acquire') {
				held.set(
					request.number,
					serve(request.number, () => acquire(request.number, request.cell)),
				);
			} else if (request.type === 'count') {
				held.set(
					request.number,
					serve(request.number, () => count(request.number, request.cell)),
				);
			} else {
				void held.get(request.number)?.then(lease => lease?.[Symbol.asyncDispose]());
				held.delete(request.number);
			}
		});
		socket.on('error', () => socket.destroy());
		socket.on('close', () => {
			sockets.delete(socket);
			gone.abort(new Error('the worker is gone'));
			for (const lease of held.values()) void lease.then(one => one?.[Symbol.asyncDispose]());
		});
	});
	await listen(server, socketPath);
	return {
		killWorkerOf(cell) {
			const pid = workers.get(cell);
			if (pid === undefined) return false;
			try {
				process.kill(pid, 'SIGKILL');
			} catch {
				// The worker ended by itself meanwhile.
			}
			return true;
		},
		async [Symbol.asyncDispose]() {
			// Its last messages may still arrive after a worker is gone.
			const closed = new Promise(resolve => server.close(resolve));
			await Promise.race([closed, delay(2000 * contention(), undefined, { ref: false })]);
			for (const socket of sockets) socket.destroy();
			await closed;
		},
	};
}

/** A worker that is killed while it writes leaves half a line, which is ignored. */
function readRequest(line: string): Request | undefined {
	try {
		return parseJson(line) as unknown as Request;
	} catch {
		return undefined;
	}
}

/** A worker's side of {@link serveBroker}. */
export async function connectBroker(socketPath: string): Promise<Broker> {
	const socket = connectSocket(path.resolve(socketPath));
	await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
	const waiting = new Map<number, (reply: Reply) => void>();
	// A run that has ended has taken back everything itself.
	const send = (request: Request) => socket.writable && socket.write(`${stringifyJson(request as never)}\n`);
	let last = 0;

	linesOf(socket).on('line', line => {
		const reply = parseJson(line) as unknown as Reply;
		waiting.get(reply.number)?.(reply);
		waiting.delete(reply.number);
	});
	socket.on('error', () => socket.destroy());
	socket.on('close', () => {
		for (const [number, resolve] of waiting) {
			resolve({ number, error: { message: 'the run ended', blame: 'harness', evidence: [] } });
		}
	});
	// A worker with nothing left to do must be able to end.
	socket.unref();
	send({ type: 'hello', pid: process.pid });

	const ask = async (type: 'acquire' | 'count' | 'others', cell: string) => {
		if (!socket.writable) throw new VpmuError('the run ended', { blame: 'harness' });
		const number = ++last;
		const { promise, resolve } = Promise.withResolvers<Reply>();
		waiting.set(number, resolve);
		send({ type, number, cell });
		socket.ref();
		const reply = await promise;
		if ('error' in reply) throw new VpmuError(reply.error.message, reply.error);
		return { number, reply };
	};
	const askFor = async (type: 'acquire' | 'count', cell: string) => {
		const { number, reply } = await ask(type, cell);
		return {
			...('lease' in reply ? reply.lease : {}),
			async [Symbol.asyncDispose]() {
				send({ type: 'release', number });
			},
		};
	};

	return {
		acquire: async cell => (await askFor('acquire', cell)) as LeaseData & AsyncDisposable,
		countAlone: cell => askFor('count', cell),
		processes: (cell, pids) => void send({ type: 'processes', cell, pids }),
		async othersProcesses(cell) {
			const { reply } = await ask('others', cell);
			return 'pids' in reply ? reply.pids : [];
		},
		kept: (cell, sockets) => void send({ type: 'kept', cell, sockets }),
		emit: event => void send({ type: 'event', event }),
		async [Symbol.asyncDispose]() {
			await new Promise<void>(resolve => socket.end(resolve));
		},
	};
}
