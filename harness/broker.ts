import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type Blame, messageOf, parseJson, type RunEvent, stringifyJson, VpmuError } from '../src/index.ts';
import type { Lease } from './lease.ts';
import type { Cell } from './plan.ts';

/**
 * What a cell's worker gets from the run that it belongs to. AVA runs every case file in a process of its own; hosts,
 * boards, slots and the run folder belong to one process, which brokers them over a Unix socket.
 */
export interface Broker extends AsyncDisposable {
	/** Waits for a slot and for everything that the cell needs to be ready on its host. Dispose of the lease to free the slot. */
	acquire(cell: Cell, signal?: AbortSignal): Promise<Lease & AsyncDisposable>;
	/** Adds an event to the run. */
	emit(event: EventBody): void;
}

/** An event without its time, which the run folder's owner adds. */
export type EventBody = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at'> : never) : never;

type Request =
	| { readonly type: 'acquire'; readonly number: number; readonly cell: Cell }
	| { readonly type: 'release'; readonly number: number }
	| { readonly type: 'event'; readonly event: EventBody };

type Reply = { readonly number: number } & (
	| { readonly lease: Lease }
	| { readonly error: { message: string; blame: Blame; evidence: readonly string[] } }
);

/** Serves a broker on a Unix socket for the workers of one run. A worker that dies gives back what it held. */
export async function serveBroker(broker: Broker, socketPath: string): Promise<AsyncDisposable> {
	const sockets = new Set<Socket>();
	const server: Server = createServer(socket => {
		sockets.add(socket);
		const gone = new AbortController();
		const held = new Map<number, Promise<(Lease & AsyncDisposable) | undefined>>();
		const answer = (reply: Reply) => socket.writable && socket.write(`${stringifyJson(reply as never)}\n`);

		const acquire = async (number: number, cell: Cell) => {
			try {
				const lease = await broker.acquire(cell, gone.signal);
				answer({ number, lease });
				return lease;
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

		createInterface({ input: socket }).on('line', line => {
			const request = parseJson(line) as unknown as Request;
			if (request.type === 'event') broker.emit(request.event);
			else if (request.type === 'acquire') held.set(request.number, acquire(request.number, request.cell));
			else {
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
	await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, resolve));
	return {
		async [Symbol.asyncDispose]() {
			for (const socket of sockets) socket.destroy();
			await new Promise(resolve => server.close(resolve));
		},
	};
}

/** A worker's side of {@link serveBroker}. */
export async function connectBroker(socketPath: string): Promise<Broker> {
	const socket = connectSocket(path.resolve(socketPath));
	await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
	const waiting = new Map<number, (reply: Reply) => void>();
	const send = (request: Request) => socket.write(`${stringifyJson(request as never)}\n`);
	let last = 0;

	createInterface({ input: socket }).on('line', line => {
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

	return {
		async acquire(cell) {
			const number = ++last;
			const { promise, resolve } = Promise.withResolvers<Reply>();
			waiting.set(number, resolve);
			send({ type: 'acquire', number, cell });
			socket.ref();
			const reply = await promise;
			if ('error' in reply) throw new VpmuError(reply.error.message, reply.error);
			return {
				...reply.lease,
				async [Symbol.asyncDispose]() {
					send({ type: 'release', number });
				},
			};
		},
		emit: event => void send({ type: 'event', event }),
		async [Symbol.asyncDispose]() {
			await new Promise<void>(resolve => socket.end(resolve));
		},
	};
}
