import { once } from 'node:events';
import net from 'node:net';
import { connectQmp } from './connect.ts';

/** Rates of one kind of work, and how it compares. */
export interface QmpBenchmark {
	readonly name: string;
	/** Commands a second, one figure for each round, in the order of the rounds. */
	readonly perSecond: readonly number[];
	/** CPU time that this process took for one command, the median of the rounds, in microseconds. */
	readonly cpuUs: number;
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
	/** Median rate of the client, one command after the other / of the bare loop. Wanted: 0.95 or more. */
	readonly serialToBare: number;
	/** The same against a loop that sends no id. QEMU's time grows with every byte of a command, so an id alone costs here. */
	readonly serialToBareWithoutId: number;
	/** Median rate of the client with 32 in-band commands at once / one after the other. */
	readonly pipelinedToSerial: number;
	/** What the bare loop gains by 8 commands at once: QEMU's own limit, which falls to 1 where it has less than two CPUs. */
	readonly barePipelinedToBare: number;
	/** Median rate of the client with 32 out-of-band commands at once / one in-band after the other. Wanted: 1.6 or more. */
	readonly outOfBandToSerial: number;
}

const pipelined = 32;

type Bare = 'bare' | 'bareWithoutId' | 'barePipelined';
type Kind = Bare | 'serial' | 'pipelined' | 'outOfBand';

interface Measured {
	readonly perSecond: number;
	readonly cpuUs: number;
}

async function measure(commands: number, work: () => Promise<unknown>): Promise<Measured> {
	const cpuBefore = process.cpuUsage();
	const startedAt = performance.now();
	await work();
	const elapsedMs = performance.now() - startedAt;
	const { user, system } = process.cpuUsage(cpuBefore);
	return { perSecond: (commands / elapsedMs) * 1000, cpuUs: (user + system) / commands };
}

/**
 * Compares on one QEMU, in one run: a bare `node:net` loop that writes `query-status` and parses each line, with an id of
 * the same length as this client's and without; this client one command after the other; with 32 in-band commands at once
 * (`oob` negotiated, so QEMU reads ahead); and with 32 out-of-band ones.
 */
export async function benchmarkQmp(options: QmpBenchmarkOptions): Promise<QmpBenchmarkResult> {
	const { path, rounds = 41, commands = 512, signal } = options;
	const names = ['bare', 'bareWithoutId', 'barePipelined', 'serial', 'pipelined', 'outOfBand'] as const;
	const kinds = Object.fromEntries(names.map(name => [name, [] as Measured[]])) as Record<Kind, Measured[]>;
	// Short measurements in turns, in changing order: what else the machine does hits all alike. The first warm up.
	for (let round = -5; round < rounds; round++) {
		const order = names.map((_, index) => names[(index + round + names.length) % names.length]!);
		for (const kind of order) {
			signal?.throwIfAborted();
			const measured = await (kind === 'bare' || kind === 'bareWithoutId' || kind === 'barePipelined'
				? bareRate(path, commands, kind)
				: clientRate(path, commands, kind));
			if (round >= 0) kinds[kind].push(measured);
		}
	}
	const rate = (measured: readonly Measured[]) => median(measured.map(({ perSecond }) => perSecond));
	const benchmark = (name: string, measured: readonly Measured[]): QmpBenchmark => ({
		name,
		perSecond: measured.map(({ perSecond }) => perSecond),
		cpuUs: median(measured.map(({ cpuUs }) => cpuUs)),
	});
	return {
		benchmarks: [
			benchmark('query-status, bare node:net loop', kinds.bare),
			benchmark('query-status, bare node:net loop without id', kinds.bareWithoutId),
			benchmark('query-status, bare node:net loop, 8 in flight', kinds.barePipelined),
			benchmark('query-status, serial', kinds.serial),
			benchmark(`query-status, ${pipelined} pipelined in band`, kinds.pipelined),
			benchmark(`query-yank, ${pipelined} pipelined out of band`, kinds.outOfBand),
		],
		serialToBare: rate(kinds.serial) / rate(kinds.bare),
		serialToBareWithoutId: rate(kinds.serial) / rate(kinds.bareWithoutId),
		pipelinedToSerial: rate(kinds.pipelined) / rate(kinds.serial),
		barePipelinedToBare: rate(kinds.barePipelined) / rate(kinds.bare),
		outOfBandToSerial: rate(kinds.outOfBand) / rate(kinds.serial),
	};
}

async function clientRate(path: string, commands: number, kind: Exclude<Kind, Bare>): Promise<Measured> {
	await using qmp = await connectQmp(path, { retry: true });
	await qmp.execute('query-status');
	const lanes = kind === 'serial' ? 1 : pipelined;
	const lane = async () => {
		for (let done = 0; done < commands / lanes; done++) {
			await (kind === 'outOfBand' ? qmp.execute('query-yank', undefined, { oob: true }) : qmp.execute('query-status'));
		}
	};
	return await measure(commands, () => Promise.all(Array.from({ length: lanes }, lane)));
}

/** The least that a program can do: write, wait for a line end, parse, write the next. */
async function bareRate(path: string, commands: number, kind: Bare): Promise<Measured> {
	const socket = net.connect(path);
	await once(socket, 'data');
	let text = '';
	let next: () => void = () => undefined;
	socket.on('data', chunk => {
		text += chunk.toString();
		for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
			JSON.parse(text.slice(0, end));
			text = text.slice(end + 1);
			next();
		}
	});
	const negotiated = new Promise<void>(resolve => {
		next = resolve;
	});
	socket.write('{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}\n');
	await negotiated;
	let sent = 0;
	const send = () => {
		const id = kind === 'bareWithoutId' ? '' : `,"id":"${100_000 + sent}"`;
		sent++;
		socket.write(`{"execute":"query-status"${id}}\n`);
	};
	const measured = await measure(
		commands,
		() =>
			new Promise<void>(resolve => {
				let answered = 0;
				next = () => {
					if (++answered === commands) resolve();
					else if (sent < commands) send();
				};
				const window = kind === 'barePipelined' ? 8 : 1;
				while (sent < window) send();
			}),
	);
	socket.destroy();
	await once(socket, 'close');
	return measured;
}

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length / 2;
	return Number.isInteger(middle) ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!;
}
