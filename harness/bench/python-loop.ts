import type { Writable } from 'node:stream';
import type { Host, HostProcess } from '../../src/host/index.ts';
import { linesOf, VpmuError, within } from '../../src/lib/index.ts';
import type { Turn } from './measure.ts';

/** Reads lines `SOCKET COMMANDS`, executes so many `query-status` one after the other, and prints the seconds. */
const program = `
import asyncio, sys, time
sys.path.insert(0, sys.argv[1])
from qemu.qmp import QMPClient

async def turn(path, commands):
    client = QMPClient('vpmu-bench')
    await client.connect(path)
    await client.execute('query-status')
    started = time.perf_counter()
    for _ in range(commands):
        await client.execute('query-status')
    elapsed = time.perf_counter() - started
    await client.disconnect()
    return elapsed

print('ready', sys.version.split()[0], flush=True)
for line in sys.stdin:
    path, commands = line.split()
    print(asyncio.run(turn(path, int(commands))), flush=True)
`;

/** A Python process that runs the client of `qemu.qmp` for many turns. Disposal ends it. */
export interface PythonLoop extends AsyncDisposable {
	readonly version: string;
	turn(socketPath: string, commands: number): Promise<Turn>;
}

/**
 * Starts this machine's `python3` with the package's folder.
 *
 * @throws VpmuError with Python's last output if there is no Python, or it cannot run the package
 */
export async function startPythonLoop(host: Host, packageFolder: string, signal: AbortSignal): Promise<PythonLoop> {
	const child = await host.spawn(['python3', '-c', program, `${packageFolder}/usr/lib/python3/dist-packages`]);
	let errors = '';
	child.stderr.setEncoding('utf8').on('data', text => {
		errors += text;
	});
	const lines = linesOf(child.stdout)[Symbol.asyncIterator]();
	const answer = async (what: string) => {
		const line = await within(what, lines.next(), { signal, timeoutMs: 60_000 });
		if (line.done !== true) return line.value;
		const exit = await child.exited;
		const said = errors.trim().split('\n').at(-1);
		throw new VpmuError(`python3 ended with ${exit.signal ?? `status ${exit.status}`}: ${said}`, { blame: 'host' });
	};
	try {
		const [, version = ''] = (await answer('the start of python3')).split(' ');
		return {
			version,
			turn: (socketPath, commands) => turn(child, `${socketPath} ${commands}\n`, commands, answer),
			[Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
		};
	} catch (error) {
		await child[Symbol.asyncDispose]();
		throw error;
	}
}

async function turn(
	{ stdin }: Pick<HostProcess, 'stdin'> & { stdin: Writable },
	request: string,
	operations: number,
	answer: (what: string) => Promise<string>,
): Promise<Turn> {
	stdin.write(request);
	return { operations, elapsedMs: Number(await answer("a turn of Python's qemu.qmp")) * 1000 };
}
