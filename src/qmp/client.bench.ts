import { once } from 'node:events';
import net from 'node:net';
import { connectQmp } from './connect.ts';

/** Rates of one kind of work, and how it compares. */
export interface QmpBenchmark {
	readonly name: string;
	/** Commands a second, one figure for each round, in the order of the rounds. */
	readonly perSecond: readonly number[];
}

export interface QmpBenchmarkOptions {
	/** Path of the QMP socket of a QEMU that nobody else uses meanwhile. */
	readonly path: string;
	/** How often each kind of work is measured, in turns, so that what the machine does besides hits all alike. */
	readonly rounds?: number;
	/** Commands in one measurement. */
	readonly commands?: number;
	readonly signal?: AbortSignal;
}

export interface QmpBenchmarkResult {
	readonly benchmarks: readonly QmpBenchmark[];
	/** Median over the rounds of serial client rate / bare loop rate. Wanted: 0.95 or more. */
	readonly serialToBare: number;
	/** Median over the rounds of 32 pipelined / serial. Wanted: 1.6 or more. */
	readonly pipelinedToSerial: number;
}

const pipelined = 32;

/**
 * Compares on one QEMU, in one run: a bare `node:net` loop that writes `query-status` and parses each line, this client one
 * command after the other, and this client with 32 commands at once (`oob` negotiated, so QEMU reads ahead).
 */
export async function benchmarkQmp(options: QmpBenchmarkOptions): Promise<QmpBenchmarkResult> {
	const { path, rounds = 9, commands = 4000, signal } = options;
	const kinds = { bare: [] as number[], serial: [] as number[], pipelined: [] as number[] };
	// A warm-up each, then rounds in changing order.
	for (let round = -1; round < rounds; round++) {
		const order = (['bare', 'serial', 'pipelined'] as const).map((_, index, all) => all[(index + round + 1) % 3]!);
		for (const kind of order) {
			signal?.throwIfAborted();
			const rate = await (kind === 'bare' ? bareRate(path, commands) : clientRate(path, commands, kind));
			if (round >= 0) kinds[kind].push(rate);
		}
	}
	const ratios = (above: readonly number[], below: readonly number[]) =>
		median(above.map((rate, index) => rate / below[index]!));
	return {
		benchmarks: [
			{ name: 'query-status, bare node:net loop', perSecond: kinds.bare },
			{ name: 'query-status, serial', perSecond: kinds.serial },
			{ name: `query-status, ${pipelined} pipelined`, perSecond: kinds.pipelined },
		],
		serialToBare: ratios(kinds.serial, kinds.bare),
		pipelinedToSerial: ratios(kinds.pipelined, kinds.serial),
	};
}

async function clientRate(path: string, commands: number, kind: 'serial' | 'pipelined'): Promise<number> {
	await using qmp = await connectQmp(path, { retry: true });
	await qmp.execute('query-status');
	const lanes = kind === 'serial' ? 1 : pipelined;
	const startedAt = performance.now();
	await Promise.all(
		Array.from({ length: lanes }, async () => {
			for (let done = 0; done < commands / lanes; done++) await qmp.execute('query-status');
		}),
	);
	return (commands / (performance.now() - startedAt)) * 1000;
}

/** The least that a program can do: write, wait for a line end, parse. */
async function bareRate(path: string, commands: number): Promise<number> {
	const socket = net.connect(path);
	await once(socket, 'data');
	let text = '';
	let next: (message: { return: { status: string } }) => void = () => undefined;
	socket.on('data', chunk => {
		text += chunk.toString();
		for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
			const line = text.slice(0, end);
			text = text.slice(end + 1);
			next(JSON.parse(line));
		}
	});
	const ask = (command: string) =>
		new Promise<{ return: { status: string } }>(resolve => {
			next = resolve;
			socket.write(command);
		});
	await ask('{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}\n');
	const startedAt = performance.now();
	for (let done = 0; done < commands; done++) await ask('{"execute":"query-status"}\n');
	const elapsedMs = performance.now() - startedAt;
	socket.destroy();
	await once(socket, 'close');
	return (commands / elapsedMs) * 1000;
}

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length / 2;
	return Number.isInteger(middle) ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!;
}
